// flags: -ldl
// Loads, calls, unloads, replaces and deletes libraries, and waits for files, in the order of its arguments. It waits
// before it changes a file, so that whoever wants to open it before that can.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    void *library = NULL;
    for (char **arg = argv + 1; *arg; arg++) {
        if (!strcmp(*arg, "load")) {
            library = dlopen(*++arg, RTLD_NOW);
            if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
            void *(*allocate)(void) = (void *(*)(void))dlsym(library, "allocate");
            allocate();
            printf("%p\n", (void *)allocate);
        } else if (!strcmp(*arg, "wait")) {
            puts("ready");
            fflush(stdout);
            for (arg++; access(*arg, F_OK) != 0;)
                usleep(1000);
        } else if (!strcmp(*arg, "unload")) {
            dlclose(library);
        } else if (!strcmp(*arg, "rename")) {
            usleep(200000);
            rename(arg[1], arg[2]);
            arg += 2;
        } else if (!strcmp(*arg, "delete")) {
            usleep(200000);
            unlink(*++arg);
        }
    }
    return 0;
}
