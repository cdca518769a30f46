/* flags: -shared -fPIC -Wl,-z,initfirst,-soname,initfirst
 * A library that is initialized before all others, and allocates there. */
#include <stdlib.h>

static void *kept[1000];

__attribute__((constructor)) static void allocate_first(void) {
    for (int i = 0; i < 1000; i++)
        kept[i] = malloc(1000);
}

void give_back(void) {
    for (int i = 0; i < 1000; i++)
        free(kept[i]);
}
