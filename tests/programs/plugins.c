// flags: -ldl
/* Loads a plugin, calls it, unloads it, and loads another at the same address. The arguments are the
 * plugins and the size of their blocks. */
#include "ledger.h"
#include <dlfcn.h>

static void *call(const char *path, const char *function, size_t size) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, function);
    for (int i = 0; i < 100; i++) {
        void *block = allocate(size);
        if (!block)
            exit(2);
        free(block);
    }
    void *address = (void *)allocate;
    dlclose(library);
    return address;
}

int main(int argc, char **argv) {
    size_t size = argc > 3 ? atol(argv[3]) : 31;
    static const char *const functions[] = {"allocate_first", "allocate_other"};
    int same = 0;
    void *last = NULL;
    /* From one place, so that the stacks differ in nothing but the plugin. */
    for (int i = 0; i < 20; i++) {
        void *address = call(argv[1 + i % 2], functions[i % 2], size);
        same += address == last;
        last = address;
    }
    print_line("plugins", "same", same);
    return 0;
}
