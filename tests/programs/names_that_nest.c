/* flags: -shared -fPIC -Wl,-soname,names_that_nest
 * Two names of an allocator's that are made of the others, as a library that stands before one may have them. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *calloc(size_t count, size_t size) {
    void *block = malloc(count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *block, size_t size) {
    void *new = malloc(size);
    if (new && block) {
        size_t old = malloc_usable_size(block);
        memcpy(new, block, old < size ? old : size);
        free(block);
    }
    return new;
}
