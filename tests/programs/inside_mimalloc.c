/* flags: -lmimalloc -pthread */
/* mimalloc called by its own names, in its library. */
#include <mimalloc.h>
#define P(name) mi_##name
#define MORE by_own_names
void by_own_names(void);
#include "inside.h"

static mi_heap_t *heap;

/* Not counted: it is made of the allocator's own blocks. */
__attribute__((constructor)) static void make_heap(void) {
    heap = mi_heap_new();
}

NOINLINE void by_own_names(void) {
    for (int i = 1; i < 300; i++) {
        void *one = mi_heap_malloc(heap, i), *other = mi_zalloc_aligned(10 * i, 64), *third = mi_mallocn(i, 7);
        got(i);
        got(10 * i);
        got(7 * i);
        third = mi_recalloc(third, 2 * i, 7);
        gave(7 * i);
        got(14 * i);
        if (i % 2) {
            mi_free(one);
            mi_free_aligned(other, 64);
            mi_free_size(third, 14 * i);
            gave(i);
            gave(10 * i);
            gave(14 * i);
        }
    }
}
