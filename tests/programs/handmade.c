/* flags: HERE/handmade.s */
/* Calls an allocator whose functions are hard to patch, and keeps account. */
#include "ledger.h"

void *hm_malloc(size_t), *hm_mallocx(size_t, int), *hm_calloc(size_t, size_t), *hm_realloc(void *, size_t);
void *hm_memalign(size_t, size_t), *hm_valloc(size_t), *hm_pvalloc(size_t);
void hm_free(void *);

#define WAY(name, make) \
    NOINLINE void name(void) { \
        for (int i = 0; i < 2000; i++) { \
            char *block = make; \
            got(96); \
            memset(block, 1, 96); \
            if (i % 3) { \
                hm_free(block); \
                gave(96); \
            } \
        } \
    }

WAY(marked, hm_malloc(96))
WAY(compares, hm_mallocx(96, 0))
WAY(jumps, hm_memalign(64, 96))
WAY(parted, hm_calloc(12, 8))
WAY(calls, hm_realloc(NULL, 96))
WAY(comes_back, hm_valloc(96))

int main(void) {
    marked();
    compares();
    jumps();
    parted();
    calls();
    comes_back();
    /* Is not seen: nothing of it can be moved. */
    if (hm_pvalloc(90) == NULL || hm_calloc(0, 1) != NULL)
        abort();
    print_ledger();
    return 0;
}
