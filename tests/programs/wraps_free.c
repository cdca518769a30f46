/* A program that has free, and no more, of its own. With the argument "next" it is a wrapper of the next one; with
 * "libc" it calls the C library's by another name, so that nobody else sees it. Frees one block in `first`. */
#define _GNU_SOURCE
#include "ledger.h"
#include <dlfcn.h>

extern void __libc_free(void *);
static void (*original)(void *) = __libc_free;

void free(void *block) {
    original(block);
}

NOINLINE void first(void) {
    free(malloc(10));
}

NOINLINE void allocate(void) {
    for (int i = 0; i < 1000; i++) {
        void *block = malloc(100 + i);
        got(100 + i);
        if (i % 2) {
            free(block);
            gave(100 + i);
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "next"))
        original = dlsym(RTLD_NEXT, "free");
    first();
    allocate();
    print_ledger();
    return 0;
}
