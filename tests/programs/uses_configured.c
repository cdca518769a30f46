/* flags: ./configured -Wl,-rpath,$ORIGIN
 * Is linked with an allocator of its own. */
#include <stdlib.h>

int main(void) {
    free(malloc(10));
    return 0;
}
