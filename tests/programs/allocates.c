/* Allocates CALLS blocks of SIZE bytes, and gives them back. */
#include <stdlib.h>

__attribute__((noinline)) static void *allocates(long size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? atol(argv[1]) : 1000, size = argc > 2 ? atol(argv[2]) : 100;
    for (long i = 0; i < calls; i++)
        free(allocates(size));
    return 0;
}
