/* A daemon: forks twice, leaves everything of its parents', and works on until a file appears. */
#include "ledger.h"
#include <fcntl.h>
#include <sys/stat.h>

NOINLINE void in_daemon(void) {
    for (int i = 0; i < 300; i++) {
        if (!malloc(30))
            abort();
        got(30);
    }
}

int main(void) {
    char here[4096];
    if (!getcwd(here, sizeof here) || fork() != 0)
        _exit(0);
    setsid();
    if (fork() != 0)
        _exit(0);
    if (chdir("/") != 0)
        _exit(91);
    umask(0);
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
    in_daemon();
    char path[5000];
    snprintf(path, sizeof path, "%s/stop", here);
    while (access(path, F_OK) != 0)
        usleep(10000);
    in_daemon();
    return 0;
}
