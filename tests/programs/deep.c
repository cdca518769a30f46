/* Recurses as many frames deep as the argument says, or 1000, and allocates at the bottom. */
#include <stdlib.h>

__attribute__((noinline)) void *descend(int depth) {
    void *block = depth == 0 ? malloc(64) : descend(depth - 1);
    __asm__ volatile("" : "+r"(block));
    return block;
}

int main(int argc, char **argv) {
    int depth = argc > 1 ? atoi(argv[1]) : 1000;
    for (int i = 0; i < 100; i++)
        if (!descend(depth - 1))
            return 1;
    return 0;
}
