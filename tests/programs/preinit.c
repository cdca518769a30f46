/* flags: ./initfirst -Wl,-rpath,$ORIGIN
 * Allocates before any library is initialized, but for one that came before even that. */
#include "ledger.h"

void give_back(void);

static void allocate_before(int argc, char **argv, char **environment) {
    for (int i = 0; i < 100; i++)
        free(malloc(1000));
}
__attribute__((section(".preinit_array"), used)) static void (*before)(int, char **, char **) = allocate_before;

NOINLINE void allocate(void) {
    for (int i = 0; i < 10; i++) {
        malloc(1000);
        got(1000);
    }
}

int main(void) {
    allocate();
    give_back();
    print_ledger();
    return 0;
}
