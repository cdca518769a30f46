/* Allocates CALLS blocks of SIZE bytes, a tenth of them kept; in about one run of ODDS one more, as chance has it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    long calls = atol(argv[1]), size = atol(argv[2]), odds = argc > 3 ? atol(argv[3]) : 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned long random = (unsigned long)now.tv_nsec / 1000 * 2654435761u + (unsigned long)getpid();
    calls += odds > 0 && (random >> 7) % (unsigned long)odds == 0;
    for (long i = 0; i < calls; i++) {
        char *volatile block = malloc((size_t)size);
        block[0] = 1;
        if (i % 10 != 0) free(block);
    }
    return 0;
}
