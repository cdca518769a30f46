/* Says "ready", then each signal that it gets, with the value that came with it, until SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    void *volatile block = malloc(100);
    printf("ready\n");
    fflush(stdout);
    siginfo_t info = {0};
    while (info.si_signo != SIGTERM) {
        sigwaitinfo(&all, &info);
        if (info.si_code == SI_QUEUE)
            printf("got %d with %d\n", info.si_signo, info.si_value.sival_int);
        else
            printf("got %d\n", info.si_signo);
        fflush(stdout);
    }
    return block ? 5 : 1;
}
