/* Waits for whatever child there is until there is none, having started one. */
#include "ledger.h"
#include <signal.h>
#include <sys/wait.h>

static void say(const char *line) {
    if (write(1, line, strlen(line)) < 0)
        _exit(1);
}

int main(void) {
    sigset_t pending;
    sigset_t blocked;
    free(malloc(100));
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    usleep(50000);
    sigpending(&pending);
    int early = sigismember(&pending, SIGCHLD);
    if (fork() == 0)
        _exit(malloc(10) == NULL);
    int count = 0;
    while (wait(NULL) > 0)
        count++;
    char line[64];
    snprintf(line, sizeof line, "waited for %d\n", count);
    say(line);
    say(early ? "a SIGCHLD before\n" : "no SIGCHLD before\n");
    return 0;
}
