/* Starts `ends` (the first argument) in the way that the second tells, and ends as it did. */
#define _GNU_SOURCE
#include "ledger.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

NOINLINE void allocate_first(void) {
    for (int i = 0; i < 100; i++) {
        if (!malloc(50))
            abort();
        got(50);
    }
}

static int status_of(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child)
        return 95;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
    char *program = argv[1], *way = argv[2];
    char *arguments[] = {program, "return", "7", NULL};
    pid_t child = 0;
    allocate_first();
    if (!strcmp(way, "exec")) {
        execv(program, arguments);
    } else if (!strcmp(way, "exec-twice")) {
        execl(argv[0], argv[0], program, "exec", NULL);
    } else if (!strcmp(way, "vfork")) {
        child = vfork();
        if (child == 0) {
            execv(program, arguments);
            _exit(94);
        }
    } else if (!strcmp(way, "fork")) {
        child = fork();
        if (child == 0) {
            execv(program, arguments);
            _exit(94);
        }
    } else if (!strcmp(way, "spawn")) {
        if (posix_spawn(&child, program, NULL, NULL, arguments, environ))
            return 93;
    } else if (!strcmp(way, "system")) {
        char line[4096];
        snprintf(line, sizeof line, "'%s' return 7", program);
        return WEXITSTATUS(system(line));
    }
    return argc > 2 ? status_of(child) : 92;
}
