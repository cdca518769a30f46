/* Brings its own malloc, as programs with a statically linked allocator do. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char memory[1 << 20];
static size_t used;

void *malloc(size_t size) {
    void *block = memory + used;
    used += (size + 31) & ~(size_t)15;
    return used <= sizeof memory ? block : NULL;
}

void *calloc(size_t count, size_t size) {
    return malloc(count * size);
}

void *realloc(void *block, size_t size) {
    void *new = malloc(size);
    return new && block ? memmove(new, block, size) : new;
}

void free(void *block) {
    (void)block;
}

int main(void) {
    for (int i = 0; i < 1000; i++)
        if (!malloc(100))
            return 1;
    return 0;
}
