// flags: -pthread
/* Allocates and frees in two threads until it is killed. What it has begun and what it has done is in a file
 * that it has mapped, so that it outlives it: the argument. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 2, BLOCKS = 100 };

struct counts {
    long allocations_begun, allocations_done, frees_begun, frees_done;
};

static volatile struct counts *all;

__attribute__((noinline)) static void *allocates(size_t size) {
    void *block = malloc(size);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void *churn(void *argument) {
    volatile struct counts *counts = argument;
    void *blocks[BLOCKS] = {0};
    for (unsigned i = 0;; i++) {
        unsigned at = i * 7 % BLOCKS;
        if (blocks[at]) {
            counts->frees_begun++;
            free(blocks[at]);
            counts->frees_done++;
        }
        counts->allocations_begun++;
        blocks[at] = allocates(1 + i % 1000);
        counts->allocations_done++;
    }
    return NULL;
}

int main(int argc, char **argv) {
    int file = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
    if (file < 0 || ftruncate(file, 4096))
        return 1;
    all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, churn, (void *)&all[1]);
    if (write(1, "ready\n", 6) != 6)
        return 1;
    churn((void *)&all[0]);
}
