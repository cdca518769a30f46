// flags: -shared -fPIC
/* A plugin. */
#include <stdlib.h>

void *allocate_first(void) {
    void *block = malloc(31);
    __asm__ volatile("" : "+r"(block));
    return block;
}
