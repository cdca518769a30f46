/* Begins as root, becomes nobody, and allocates on. */
#define _GNU_SOURCE
#include "ledger.h"
#include <grp.h>

NOINLINE void as_root(void) {
    for (int i = 0; i < 1000; i++) {
        if (!malloc(50))
            abort();
        got(50);
    }
}

NOINLINE void as_nobody(void) {
    for (int i = 0; i < 30000; i++) {
        void *block = malloc(1 + i % 3000);
        got(1 + i % 3000);
        if (i % 5) {
            free(block);
            gave(1 + i % 3000);
        }
    }
}

int main(void) {
    const int nobody = 65534;
    as_root();
    if (setgroups(0, NULL) || setgid(nobody) || setuid(nobody) || getuid() != nobody || setuid(0) == 0)
        return 1;
    as_nobody();
    print_ledger();
    return 0;
}
