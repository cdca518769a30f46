// `heap random`: a million live blocks are freed in random order and allocated again.
// `heap live`: 270,000 blocks of 700,000 bytes stay, untouched; small blocks are allocated and freed
// beside them. At a rate of 512 KiB 74% of those that stay are live samples: 200,000.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static unsigned long state = 88172645463325252ul;
static unsigned long next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static double random_order(long pairs) {
    enum { BLOCKS = 1000000 };
    void **blocks = malloc(BLOCKS * sizeof *blocks);
    for (long i = 0; i < BLOCKS; i++) blocks[i] = malloc(48);
    double start = now();
    for (long i = 0; i < pairs; i++) {
        void **block = &blocks[next() % BLOCKS];
        free(*block);
        *block = malloc(48);
    }
    return now() - start;
}

static double beside_live(long pairs) {
    enum { BLOCKS = 270000, SMALL = 10000 };
    void *volatile kept;
    mallopt(M_MMAP_THRESHOLD, 1 << 20); // a mapping for each would be too many
    for (long i = 0; i < BLOCKS; i++) kept = malloc(700000);
    (void)kept;
    static void *small[SMALL];
    double start = now();
    for (long i = 0; i < pairs; i++) {
        void **block = &small[next() % SMALL];
        free(*block);
        *block = malloc(64);
    }
    return now() - start;
}

int main(int argc, char **argv) {
    (void)argc;
    int random = strcmp(argv[1], "random") == 0;
    long pairs = random ? 4000000 : 20000000;
    double seconds = random ? random_order(pairs) : beside_live(pairs);
    printf("%f\n", seconds / pairs * 1e9);
}
