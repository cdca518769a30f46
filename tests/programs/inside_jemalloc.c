/* flags: -l:libjemalloc.a -lm -lstdc++ -pthread */
/* jemalloc linked in, with its own functions too. */
#include <jemalloc/jemalloc.h>
#include <malloc.h>
#define P(name) name
#define MORE by_own_names
void by_own_names(void);
#include "inside.h"

NOINLINE void by_own_names(void) {
    for (int i = 1; i < 300; i++) {
        void *block = mallocx(i, MALLOCX_ALIGN(64));
        got(i);
        block = rallocx(block, 100 * i, 0);
        gave(i);
        got(100 * i);
        /* Its size class has room for a little more at most. */
        size_t size = xallocx(block, 100 * i + 1, 0, 0);
        long now = 100 * i;
        if (size >= now + 1) {
            gave(now);
            now++;
            got(now);
        }
        if (i % 3 == 0)
            dallocx(block, 0);
        else if (i % 3 == 1)
            sdallocx(block, now, 0);
        if (i % 3 != 2)
            gave(now);
    }
}
