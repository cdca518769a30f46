// A library whose function NAME allocates.
#include <stdlib.h>

__attribute__((noinline)) void *NAME(void) {
    return malloc(1000);
}

void *allocate(void) {
    return NAME();
}
