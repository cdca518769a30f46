/* flags: -fno-builtin
 * 400,000 objects of 256 bytes by operator new, and as many by malloc; one in a hundred is kept. */
#include "ledger.h"
#include <new>

NOINLINE void by_new() {
    for (int i = 0; i < 400000; i++)
        if (void *block = operator new(256); i % 100)
            operator delete(block);
}

NOINLINE void by_c() {
    for (int i = 0; i < 400000; i++)
        if (void *block = malloc(256); i % 100)
            free(block);
}

int main() {
    by_new();
    by_c();
    return 0;
}
