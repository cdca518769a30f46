/* Allocates BLOCKS blocks of SIZE bytes and tells how many it got, and what the kernel says of its memory,
 * in kB. May set a limit of its own first: BLOCKS SIZE [RESOURCE BYTES]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void *volatile last;

__attribute__((noinline)) static int fill(int blocks, int size) {
    int got = 0;
    while (got < blocks && (last = malloc(size))) {
        memset(last, 1, size);
        got++;
    }
    return got;
}

int main(int argc, char **argv) {
    if (argc > 4) {
        struct rlimit limit = {atol(argv[4]), atol(argv[4])};
        if (setrlimit(atoi(argv[3]), &limit))
            return 90;
    }
    printf("got %d\n", fill(atoi(argv[1]), atoi(argv[2])));
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "VmSize:", 7) || !strncmp(line, "VmData:", 7))
            fputs(line, stdout);
    return 0;
}
