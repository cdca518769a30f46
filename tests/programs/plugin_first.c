// flags: -shared -fPIC
/* A plugin. */
#include <stdlib.h>

void *allocate_first(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
