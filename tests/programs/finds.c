/* flags: -ldl
 * Tells which names of allocators it can find. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
    const char *names[] = {"malloc", "reallocarray", "free_sized", "free_aligned_sized", "_Znwm", "_ZdlPv"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        printf("%s: %s\n", names[i], dlsym(RTLD_DEFAULT, names[i]) ? "yes" : "no");
    /* A library that needs C++'s, loaded late, finds them there. */
    void *library = dlopen("libstdc++.so.6", RTLD_NOW);
    void *(*new)(size_t) = library ? dlsym(library, "_Znwm") : NULL;
    void (*delete)(void *) = library ? dlsym(library, "_ZdlPv") : NULL;
    void *block = new ? new(100) : NULL;
    printf("an object: %s\n", block ? "yes" : "no");
    if (block)
        delete(block);
    return 0;
}
