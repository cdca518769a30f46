// flags: -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions
/* Nothing tells how to unwind this program. */
#include "ledger.h"

NOINLINE void innermost(int size) {
    if (!malloc(size))
        abort();
    got(size);
}

NOINLINE void outer(int size) {
    volatile char locals[200];
    locals[0] = 1;
    innermost(size + locals[0] - 1);
}

int main(void) {
    for (int i = 0; i < 1000; i++)
        outer(100);
    print_ledger();
    return 0;
}
