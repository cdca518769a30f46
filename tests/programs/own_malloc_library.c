/* flags: -shared -fPIC -Wl,-soname,own_malloc_library
 * An allocator in a library, without the rarer names. A block of another one's is none of its business. */
#include <stddef.h>
#include <string.h>

static char memory[8 << 20];
static size_t used;

void *malloc(size_t size) {
    void *block = memory + used;
    used += (size + 31) & ~(size_t)15;
    return used <= sizeof memory ? block : NULL;
}

void *calloc(size_t count, size_t size) { return malloc(count * size); }

void *realloc(void *block, size_t size) {
    void *new = malloc(size);
    return new && block ? memmove(new, block, size) : new;
}

void free(void *block) { (void)block; }
