/* flags: -l:libtcmalloc_minimal.a -lm -lstdc++ -pthread */
/* tcmalloc linked in, and called by its own names too. */
#include <gperftools/tcmalloc.h>
#include <malloc.h>
#include <stddef.h>
void *tc_new(size_t);
void tc_delete(void *);
#define P(name) name
#define MORE by_own_names
void by_own_names(void);
#include "inside.h"

NOINLINE void by_own_names(void) {
    for (int i = 1; i < 300; i++) {
        void *one = tc_malloc(i), *other = tc_new(10 * i);
        got(i);
        got(10 * i);
        if (i % 2) {
            tc_free_sized(one, i);
            tc_delete(other);
            gave(i);
            gave(10 * i);
        }
    }
}
