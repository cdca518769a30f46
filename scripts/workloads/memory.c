// Takes memory and holds it: THREADS threads that have allocated 20 frames deep, and BLOCKS blocks from each of
// STACKS different stacks. Prints its process id when it has all, and goes on when its input ends.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEEP = 20 };

static pthread_barrier_t all, end;

// Which way a call takes is in the bits: each has a return address of its own.
__attribute__((noinline)) static void descend(unsigned long bits, int frames, long blocks) {
    if (frames == 0) {
        for (long i = 0; i < blocks; i++) {
            void *volatile block = malloc(32);
            (void)block;
        }
        return;
    }
    if (bits & 1) {
        descend(bits >> 1, frames - 1, blocks);
        __asm__ volatile("nop"); // not the same call
    } else {
        descend(bits >> 1, frames - 1, blocks);
        __asm__ volatile(""); // no tail call
    }
}

static void *run(void *unused) {
    descend(0, DEEP, 1000);
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&end);
    return unused;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    long threads = atol(argv[1]), stacks = atol(argv[2]), blocks = atol(argv[3]);
    pthread_barrier_init(&all, NULL, threads + 1);
    pthread_barrier_init(&end, NULL, threads + 1);
    for (long i = 0; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, NULL))
            return 1;
    }
    for (long i = 0; i < stacks; i++)
        descend(i, DEEP, blocks);
    pthread_barrier_wait(&all);
    printf("%d\n", getpid());
    fflush(stdout);
    getchar();
    pthread_barrier_wait(&end);
}
