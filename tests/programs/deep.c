/* Recurses 1000 frames deep and allocates at the bottom. */
#include <stdlib.h>

__attribute__((noinline)) void *descend(int depth) {
    void *block = depth == 0 ? malloc(64) : descend(depth - 1);
    __asm__ volatile("" : "+r"(block));
    return block;
}

int main(void) {
    for (int i = 0; i < 100; i++)
        if (!descend(999))
            return 1;
    return 0;
}
