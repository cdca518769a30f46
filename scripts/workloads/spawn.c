// Starts PROGRAM so many times, one after the other; prints microseconds for each.
#include "clock.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv) {
    (void)argc;
    int count = atoi(argv[1]);
    double *times = calloc(count, sizeof *times);
    for (int i = 0; i < count; i++) {
        double start = now();
        pid_t pid;
        posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ);
        waitpid(pid, NULL, 0);
        times[i] = now() - start;
    }
    print_figures(times, count, 1, 1e-6);
}
