/* Allocates in `allocate`, says something, and ends in the way that the first argument tells. */
#include "ledger.h"
#include <signal.h>

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
    const char *way = argc > 1 ? argv[1] : "return";
    allocate();
    print_ledger();
    write(2, "an error\n", 9);
    if (!strcmp(way, "return"))
        return argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(way, "exit"))
        exit(atoi(argv[2]));
    if (!strcmp(way, "_exit"))
        _exit(atoi(argv[2]));
    if (!strcmp(way, "signal")) {
        signal(atoi(argv[2]), SIG_DFL);
        raise(atoi(argv[2]));
    }
    if (!strcmp(way, "abort"))
        abort();
    if (!strcmp(way, "crash"))
        *(volatile int *)8 = 0;
    return 98;
}
