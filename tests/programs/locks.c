/* Locks all its memory, that to come too, with as many bytes allowed, as nobody in particular if it can,
 * and allocates. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct rlimit limit = {atol(argv[1]), atol(argv[1])};
    if (argc < 2 || setrlimit(RLIMIT_MEMLOCK, &limit) || (getuid() == 0 && setuid(65534)))
        return 90;
    int locked = mlockall(MCL_CURRENT | MCL_FUTURE);
    int got = 0;
    for (int i = 0; i < 1000; i++) {
        char *block = malloc(1000);
        if (!block)
            break;
        memset(block, 1, 1000);
        got++;
    }
    printf("locked %d got %d\n", locked, got);
    return 0;
}
