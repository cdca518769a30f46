/* flags: ./bump -Wl,-rpath,$ORIGIN
 * A timer's handler leaves code that allocates by siglongjmp, again and again. glibc's malloc would
 * not survive that, so another one is linked. */
#include "ledger.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static sigjmp_buf back;
static volatile sig_atomic_t jumps, armed;

static void in_handler(int signal) {
    (void)signal;
    if (armed) {
        armed = 0;
        jumps++;
        siglongjmp(back, 1);
    }
}

NOINLINE void interrupted(void) {
    for (;;)
        free(malloc(48));
}

NOINLINE void after_jumps(void) {
    for (int i = 0; i < 1000; i++) {
        if (!malloc(24))
            abort();
        got(24);
    }
}

int main(void) {
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_NODEFER};
    free(malloc(48));
    sigaction(SIGALRM, &action, NULL);
    for (volatile int i = 0; i < 200; i++) {
        if (sigsetjmp(back, 1) == 0) {
            struct itimerval timer = {{0, 0}, {0, 300 + 7 * i}};
            armed = 1;
            setitimer(ITIMER_REAL, &timer, NULL);
            interrupted();
        }
    }
    after_jumps();
    print_ledger();
    return jumps == 200 ? 0 : 1;
}
