// flags: -ldl
/* Processes that fork from one another load one of two plugins each, unload it, and load the other,
 * which the kernel puts at the same address. Each leaves its ledger in a file. The arguments are the
 * plugins, and `at-once` if the children are to run at the same time. */
#define _GNU_SOURCE
#include "ledger.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>

static char **plugins;
static const char *const functions[] = {"allocate_first", "allocate_other"};
static const int sizes[] = {31, 47};

/* Loads a plugin and calls it; what it allocates stays in use. Returns its handle. */
static void *load(int plugin, int calls) {
    void *library = dlopen(plugins[plugin], RTLD_NOW);
    void *(*allocate)(size_t) = library ? (void *(*)(size_t))dlsym(library, functions[plugin]) : NULL;
    if (!allocate)
        _exit(95);
    printf("%p\n", (void *)allocate);
    for (int i = 0; i < calls; i++) {
        if (!allocate(sizes[plugin]))
            _exit(94);
        got_in(functions[plugin], sizes[plugin]);
    }
    return library;
}

static void wait_for_children(void) {
    int status;
    while (wait(&status) > 0)
        if (status != 0)
            _exit(96);
}

/* A child begins with nothing allocated, and its parent's blocks in use: that is its first peak. */
static void begin_as_child(void) {
    peak = in_use;
    for (struct account *a = accounts; a->function; a++) {
        a->alloc_objects = a->alloc_space = 0;
        a->peak_objects = a->inuse_objects;
        a->peak_space = a->inuse_space;
    }
}

static void leave_ledger(const char *who, int number) {
    char name[64];
    snprintf(name, sizeof name, "%s%d.ledger", who, number);
    fflush(stdout);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (dup2(fd, 1) != 1)
        _exit(97);
    print_ledger();
    printf("pid %d\n", getpid());
    fflush(stdout);
}

static void grandchild(int number, void *library) {
    begin_as_child();
    dlclose(library);
    dlclose(load(!number, 10 + number));
    load(number, 5);
    leave_ledger("grandchild", number);
    exit(0);
}

static void child(int number) {
    begin_as_child();
    void *library = load(number, 100 * (number + 1));
    fflush(stdout);
    if (fork() == 0)
        grandchild(number, library);
    wait_for_children();
    load(number, 20);
    leave_ledger("child", number);
    exit(0);
}

int main(int argc, char **argv) {
    plugins = argv + 1;
    int at_once = argc > 3 && strcmp(argv[3], "at-once") == 0;
    for (int number = 0; number < 2; number++) {
        fflush(stdout);
        if (fork() == 0)
            child(number);
        if (!at_once)
            wait_for_children();
    }
    wait_for_children();
    dlclose(load(1, 7));
    load(0, 3);
    leave_ledger("parent", 0);
    return 0;
}
