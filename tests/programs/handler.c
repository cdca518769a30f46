/* A timer's handler allocates while the program does. glibc's malloc is not made for that, except
 * where the thread's cache serves both; so the handler allocates only where the program says that it
 * is between two calls, but it interrupts it anywhere. */
#include "ledger.h"
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t allowed, handled;

NOINLINE void in_handler(int signal) {
    if (allowed) {
        free(malloc(33));
        handled++;
    }
    (void)signal;
}

NOINLINE void in_loop(void) {
    for (int i = 0; i < 200000 || handled < 20; i++) {
        void *block = malloc(55);
        allowed = 1;
        for (volatile int wait = 0; wait < 100; wait++)
            ;
        allowed = 0;
        free(block);
    }
}

int main(void) {
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &timer, NULL);
    in_loop();
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    print_line("in_handler", "alloc_objects", handled);
    return 0;
}
