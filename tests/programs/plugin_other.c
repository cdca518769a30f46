// flags: -shared -fPIC
/* Another plugin, which takes the place of the first. */
#include <stdlib.h>

void *allocate_other(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}
