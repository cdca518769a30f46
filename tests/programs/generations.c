/* Half a second of a program that allocates some at its start, leaks one block of ten, and has a queue of
 * ten. With an argument it forks when that is over, and the child allocates. */
#include "ledger.h"
#include <sys/wait.h>

NOINLINE void start(void) {
    for (int i = 0; i < 100; i++) {
        if (!malloc(40))
            _exit(1);
        got(40);
    }
}

NOINLINE void leak(void) {
    for (int i = 0; i < 10; i++) {
        void *block = malloc(50);
        got(50);
        if (i == 0)
            continue;
        free(block);
        gave(50);
    }
}

NOINLINE void queue(void) {
    static void *waiting[10];
    static int next;
    void **place = &waiting[next++ % 10];
    if (*place) {
        free(*place);
        gave(60);
    }
    *place = malloc(60);
    got(60);
}

int main(int argc, char **argv) {
    (void)argv;
    start();
    for (int i = 0; i < 600; i++) {
        leak();
        queue();
        usleep(800);
    }
    if (argc > 1) {
        if (fork() == 0) {
            queue();
            _exit(0);
        }
        wait(NULL);
    }
    print_ledger();
    return 0;
}
