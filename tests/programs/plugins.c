// flags: -ldl
/* Loads a plugin, calls it, unloads it, and loads another at the same address. */
#include "ledger.h"
#include <dlfcn.h>

static void *call(const char *path, const char *function) {
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    void *(*allocate)(void) = (void *(*)(void))dlsym(library, function);
    for (int i = 0; i < 100; i++)
        if (!allocate())
            exit(2);
    void *address = (void *)allocate;
    dlclose(library);
    return address;
}

int main(int argc, char **argv) {
    (void)argc;
    int same = 0;
    for (int i = 0; i < 10; i++)
        same += call(argv[1], "allocate_first") == call(argv[2], "allocate_other");
    print_line("plugins", "same", same);
    return 0;
}
