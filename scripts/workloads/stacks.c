/* A million stacks of twenty frames, each with a block in use; then, until standard input ends, pairs of malloc
 * and free, of which it prints at each line that it reads how many there were since the last one, and how long
 * the longest of the moments of a hundred pairs took, in microseconds. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DEPTH = 20 };

static void *volatile kept;

/* Two places to call from, at each depth. */
__attribute__((noinline, noclone)) static void descend(int depth, unsigned path) {
    if (depth == 0) {
        kept = malloc(16);
        return;
    }
    if (path & 1)
        descend(depth - 1, path >> 1);
    else
        descend(depth - 1, path >> 1);
    __asm__ volatile("" ::: "memory");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

int main(void) {
    for (unsigned path = 0; path < 1u << DEPTH; path++)
        descend(DEPTH, path);
    printf("ready\n"), fflush(stdout);
    long pairs = 0;
    double longest = 0;
    for (struct pollfd input = {0, POLLIN, 0};;) {
        double begun = now();
        for (int i = 0; i < 100; i++)
            free(kept = malloc(100));
        double took = now() - begun;
        longest = took > longest ? took : longest;
        pairs += 100;
        nanosleep(&(struct timespec){0, 100000}, NULL);
        if (poll(&input, 1, 0) > 0) {
            char line[64];
            if (!fgets(line, sizeof line, stdin))
                return 0;
            printf("%ld %.0f\n", pairs, longest), fflush(stdout);
            pairs = 0, longest = 0;
        }
    }
}
