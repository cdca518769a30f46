/* Keeps account of what it has in use by the size that the allocator hands out, and of the peak of that. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 20000, KEPT = 200 };

static long in_use, peak;

static void change(long by) {
    in_use += by;
    if (in_use > peak)
        peak = in_use;
}

static long size_of(void *block) { return block ? (long)malloc_usable_size(block) : 0; }

int main(void) {
    void *kept[KEPT] = {0};
    unsigned seed = 1;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        void **block = &kept[(seed >> 8) % KEPT];
        long size = (seed >> 10) % (i % 50 ? 3000 : 2000000);
        long before = size_of(*block);
        switch (seed >> 30) {
        case 0:
            free(*block);
            change(-before);
            *block = malloc(size);
            change(size_of(*block));
            break;
        case 1:
            *block = realloc(*block, size + 1);
            change(size_of(*block) - before);
            break;
        case 2:
            free(*block);
            change(-before);
            *block = i % 2 ? calloc(size, 1) : aligned_alloc(256, size);
            change(size_of(*block));
            break;
        default:
            free(*block);
            change(-before);
            *block = NULL;
        }
    }
    char text[64];
    int length = snprintf(text, sizeof text, "%ld %ld\n", in_use, peak);
    return write(1, text, length) != length;
}
