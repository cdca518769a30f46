/* flags: ./resolver_news -Wl,-rpath,$ORIGIN
 * Calls what needed objects to be resolved, and makes more. */
#include "ledger.h"

extern "C" int use(int);

NOINLINE void allocate() {
    for (int i = 0; i < 1000; i++) {
        delete new long;
        got(sizeof(long));
        gave(sizeof(long));
    }
}

int main() {
    allocate();
    printf("%d\n", use(1));
    print_ledger();
    return 0;
}
