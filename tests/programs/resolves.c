/* flags: ./resolver -Wl,-rpath,$ORIGIN
 * Calls what needed memory to be resolved, and allocates on. */
#include "ledger.h"

int use(int);

NOINLINE void allocate(void) {
    for (int i = 0; i < 1000; i++) {
        free(malloc(100));
        got(100);
        gave(100);
    }
}

int main(void) {
    allocate();
    printf("%d\n", use(1));
    print_ledger();
    return 0;
}
