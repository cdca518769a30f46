/* flags: -shared -fPIC -Wl,-soname,wrapper
 * The classic wrapper of malloc and free: looks each original up when it is first called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static long calls;

void *malloc(size_t size) {
    static void *(*original)(size_t);
    if (!original)
        original = dlsym(RTLD_NEXT, "malloc");
    calls++;
    return original(size);
}

void free(void *block) {
    static void (*original)(void *);
    if (!original)
        original = dlsym(RTLD_NEXT, "free");
    calls++;
    original(block);
}
