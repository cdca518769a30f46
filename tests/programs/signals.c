/* Tells what it inherited, says "ready", and waits for signals, the last of which is SIGTERM. */
#include "ledger.h"
#include <signal.h>

NOINLINE void at_the_end(void) {
    for (int i = 0; i < 10; i++)
        got(malloc(77) ? 77 : 0);
}

int main(void) {
    struct sigaction pipe_action;
    sigset_t blocked, wanted;
    sigaction(SIGPIPE, NULL, &pipe_action);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    char line[200];
    int length = snprintf(line, sizeof line, "SIGPIPE %s, blocked:", pipe_action.sa_handler == SIG_DFL ? "default" : "ignored");
    for (int signal = 1; signal < 65; signal++)
        if (sigismember(&blocked, signal) == 1)
            length += snprintf(line + length, sizeof line - length, " %d", signal);
    length += snprintf(line + length, sizeof line - length, "\n");
    if (write(1, line, length) != length)
        return 1;
    sigemptyset(&wanted);
    int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCONT, SIGWINCH};
    for (int i = 0; i < 8; i++)
        sigaddset(&wanted, signals[i]);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    if (write(1, "ready\n", 6) != 6)
        return 1;
    for (int signal = 0; signal != SIGTERM;) {
        sigwait(&wanted, &signal);
        length = snprintf(line, sizeof line, "got %d\n", signal);
        if (write(1, line, length) != length)
            return 1;
    }
    at_the_end();
    print_ledger();
    return 5;
}
