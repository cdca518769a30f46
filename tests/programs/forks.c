/* What a forked child has from its parent, gives back, and adds: told by each in a file of its own
 * ledger, NAME.ledger. The arguments tell what to do. */
#define _GNU_SOURCE
#include "ledger.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

static void *blocks[1000];

NOINLINE void in_parent(void) {
    for (int i = 0; i < 1000; i++) {
        blocks[i] = malloc(1 + i);
        got(1 + i);
    }
}

/* A child is recorded from its first allocation on, so that comes before its first free. */
NOINLINE void in_child(void) {
    for (int i = 0; i < 500; i++) {
        if (!malloc(10))
            abort();
        got(10);
        free(blocks[i]);
        gave_in("in_parent", 1 + i);
    }
}

NOINLINE void in_grandchild(void) {
    for (int i = 500; i < 750; i++) {
        if (!malloc(20))
            abort();
        got(20);
        free(blocks[i]);
        gave_in("in_parent", 1 + i);
    }
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

static void write_ledger(const char *name) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (dup2(fd, 1) != 1)
        _exit(97);
    print_ledger();
    char pid[32];
    int length = snprintf(pid, sizeof pid, "pid %d\n", getpid());
    if (write(1, pid, length) != length)
        _exit(97);
}

static void wait_for(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(96);
}

int main(void) {
    in_parent();
    pid_t child = fork();
    if (child == 0) {
        begin_as_child();
        in_child();
        pid_t grandchild = fork();
        if (grandchild == 0) {
            begin_as_child();
            in_grandchild();
            write_ledger("grandchild.ledger");
            _exit(0);
        }
        wait_for(grandchild);
        write_ledger("child.ledger");
        return 0;
    }
    wait_for(child);
    write_ledger("parent.ledger");
    return 0;
}
