// flags: -pthread
/* Thousands of threads, each of which allocates three blocks and leaves the last to nobody. */
#include "ledger.h"

enum { THREADS = 4000, AT_ONCE = 8 };

NOINLINE void *allocate(void *argument) {
    long size = (long)argument;
    void *blocks[3];
    for (int i = 0; i < 3; i++) {
        blocks[i] = malloc(size + i);
        got(size + i);
    }
    for (int i = 0; i < 2; i++) {
        free(blocks[i]);
        gave(size + i);
    }
    return blocks[2];
}

int main(void) {
    for (long i = 0; i < THREADS; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        for (long j = 0; j < AT_ONCE; j++)
            if (pthread_create(&threads[j], NULL, allocate, (void *)(1 + i + j)))
                return 1;
        for (int j = 0; j < AT_ONCE; j++)
            pthread_join(threads[j], NULL);
    }
    print_ledger();
    return 0;
}
