/* Blocks that are freed without the name that everybody else's free has, as a library that was
 * linked with an allocator by its own name does it. Each gets the address of the one before. */
#include <stdio.h>
#include <stdlib.h>

extern void __libc_free(void *block);

__attribute__((noinline)) void *allocates(void) {
    return malloc(100);
}

int main(void) {
    int same = 0;
    void *block = allocates(), *before;
    for (int i = 1; i < 1000; i++) {
        before = block;
        __libc_free(block);
        block = allocates();
        same += block == before;
    }
    printf("%d came again\n", same);
    return 0;
}
