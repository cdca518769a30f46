/* A program that wraps malloc and free itself, and looks the originals up when they are first called. */
#define _GNU_SOURCE
#include "ledger.h"
#include <dlfcn.h>

void *malloc(size_t size) {
    static void *(*original)(size_t);
    if (!original)
        original = dlsym(RTLD_NEXT, "malloc");
    return original(size);
}

void free(void *block) {
    static void (*original)(void *);
    if (!original)
        original = dlsym(RTLD_NEXT, "free");
    original(block);
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

int main(void) {
    allocate();
    print_ledger();
    return 0;
}
