/* Leaves the file system for an empty folder, and allocates on. */
#define _GNU_SOURCE
#include "ledger.h"
#include <sys/stat.h>

NOINLINE void in_prison(void) {
    for (int i = 0; i < 1000; i++) {
        if (!malloc(70))
            abort();
        got(70);
    }
}

int main(void) {
    if (mkdir("prison", 0700) || chroot("prison") || chdir("/"))
        return 1;
    in_prison();
    print_ledger();
    return 0;
}
