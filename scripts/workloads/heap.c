// Nanoseconds a pair of malloc and free in a large heap.
// `heap random`: a million live blocks are freed in random order and allocated again.
// `heap live`: 270,000 blocks of 700,000 bytes stay, untouched; small blocks are allocated and freed
// beside them. At a rate of 512 KiB 74% of those that stay are live samples: 200,000.
#include "clock.h"
#include <malloc.h>
#include <string.h>

static unsigned long state = 88172645463325252ul;
static unsigned long next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

enum { MILLION = 1000000, LARGE = 270000, SMALL = 10000 };

static void **blocks;

static long count;
static size_t size;

static void in_random_order(long pairs) {
    for (long i = 0; i < pairs; i++) {
        void **block = &blocks[next() % count];
        free(*block);
        *block = malloc(size);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    int random = strcmp(argv[1], "random") == 0;
    blocks = calloc(MILLION, sizeof *blocks);
    count = random ? MILLION : SMALL;
    size = random ? 48 : 64;
    if (random) {
        for (long i = 0; i < MILLION; i++) blocks[i] = malloc(size);
    } else {
        mallopt(M_MMAP_THRESHOLD, 1 << 20); // a mapping for each would be too many
        void *volatile kept;
        for (long i = 0; i < LARGE; i++) kept = malloc(700000);
        (void)kept;
    }
    long pairs = random ? 4000000 : 10000000;
    print_figures(in_moments(in_random_order, pairs), pairs / MOMENT, MOMENT, 1e-9);
}
