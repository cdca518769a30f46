// flags: -pthread
/* Forks 200 children while another thread allocates; each tenth allocates too. */
#include "ledger.h"
#include <sys/wait.h>

enum { CHILDREN = 200 };

static volatile int done;

NOINLINE void *in_thread(void *unused) {
    while (!done) {
        free(malloc(123));
        usleep(50);
    }
    return unused;
}

NOINLINE void in_child(int number) {
    for (int i = 0; i < number; i++)
        if (!malloc(11))
            _exit(1);
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    for (int i = 1; i <= CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (i % 10 == 0)
                in_child(i);
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status != 0)
            return 1;
    }
    done = 1;
    pthread_join(thread, NULL);
    return 0;
}
