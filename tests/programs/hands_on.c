/* A tree of processes that get no environment from their C library: each allocates and starts two
 * more, for LEVELS levels. The first argument tells what they get instead: `envp`, what main was
 * given; `own`, nothing but the preload. With `envp exec` there is no tree: it executes itself. */
#include "ledger.h"
#include <sys/wait.h>

NOINLINE void allocate(void) {
    for (int i = 0; i < 1000; i++) {
        if (!malloc(100))
            abort();
    }
}

NOINLINE void allocate_last(void) {
    if (!malloc(77))
        abort();
}

static char *setting(const char *name) {
    char *entry = malloc(4096);
    snprintf(entry, 4096, "%s=%s", name, getenv(name));
    return entry;
}

int main(int argc, char **argv, char **envp) {
    char left[2] = {argv[argc - 1][0] - 1, 0};
    char *own[] = {setting("LD_PRELOAD"), setting("HEAPTRACE_RATE"), NULL};
    char **environment = strcmp(argv[1], "own") == 0 ? own : envp;
    char *arguments[] = {argv[0], argv[1], left, NULL};
    int failed = 0, status;
    allocate();
    if (strcmp(argv[2], "exec") == 0) {
        char *once[] = {argv[0], argv[1], "0", NULL};
        execve(argv[0], once, envp);
        return 97;
    }
    if (argv[2][0] == '0') {
        allocate_last();
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            execve(argv[0], arguments, environment);
            _exit(98);
        }
    }
    while (wait(&status) > 0)
        failed |= status;
    return failed != 0;
}
