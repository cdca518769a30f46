/* Goes into a namespace of its own and allocates on: `user`, or `pid`, which its children are in.
 * Ends with 77 where that is not allowed. */
#define _GNU_SOURCE
#include "ledger.h"
#include <sched.h>
#include <sys/wait.h>

NOINLINE void before(void) {
    for (int i = 0; i < 1000; i++) {
        if (!malloc(50))
            abort();
        got(50);
    }
}

NOINLINE void inside(void) {
    for (int i = 0; i < 1000; i++) {
        void *block = malloc(60);
        got(60);
        if (i % 5) {
            free(block);
            gave(60);
        }
    }
}

NOINLINE void in_child(void) {
    for (int i = 0; i < 300; i++) {
        if (!malloc(70))
            abort();
    }
}

NOINLINE void in_grandchild(void) {
    for (int i = 0; i < 400; i++) {
        if (!malloc(80))
            abort();
    }
}

static void wait_for(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(96);
}

int main(int argc, char **argv) {
    int is_user = argc < 2 || strcmp(argv[1], "user") == 0;
    before();
    if (unshare(is_user ? CLONE_NEWUSER : CLONE_NEWUSER | CLONE_NEWPID))
        return 77;
    inside();
    pid_t child = is_user ? 0 : fork();
    if (!is_user && child == 0) {
        in_child();
        pid_t grandchild = fork();
        if (grandchild == 0)
            return in_grandchild(), getpid() != 2;
        wait_for(grandchild);
        return getpid() != 1;
    }
    if (!is_user)
        wait_for(child);
    print_ledger();
    return 0;
}
