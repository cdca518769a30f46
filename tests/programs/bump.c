/* flags: -shared -fPIC -Wl,-soname,bump
 * An allocator that a signal handler may leave at any instruction: all it has is one word. A block
 * is taken off the end of the region, and given back only if it is the last one. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static const size_t REGION = (size_t)1 << 32;
static _Atomic uintptr_t end;

/* Each block has its size before it. */
enum { BEFORE = 16 };

static uintptr_t rounded(size_t size) {
    return BEFORE + ((size + 15) & ~(size_t)15);
}

__attribute__((constructor)) static void start(void) {
    if (!end)
        end = (uintptr_t)mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void *malloc(size_t size) {
    start();
    uintptr_t at = atomic_fetch_add(&end, rounded(size));
    *(size_t *)at = size;
    return (void *)(at + BEFORE);
}

void free(void *block) {
    if (!block)
        return;
    uintptr_t at = (uintptr_t)block - BEFORE, after = at + rounded(*(size_t *)at);
    atomic_compare_exchange_strong(&end, &after, at);
}

void *calloc(size_t count, size_t size) {
    return memset(malloc(count * size), 0, count * size);
}

void *realloc(void *block, size_t size) {
    void *moved = malloc(size);
    if (block) {
        size_t old = *(size_t *)((uintptr_t)block - BEFORE);
        memcpy(moved, block, old < size ? old : size);
        free(block);
    }
    return moved;
}
