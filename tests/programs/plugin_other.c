// flags: -shared -fPIC
/* Another plugin, which takes the place of the first. */
#include <stdlib.h>

void *allocate_other(void) {
    void *block = malloc(47);
    __asm__ volatile("" : "+r"(block));
    return block;
}
