// COUNT pairs of malloc and free at a stack DEPTH, in each of THREADS threads.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long count;
static int depth;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

__attribute__((noinline)) static void *descend(int frames) {
    if (frames > 0) {
        void *result = descend(frames - 1);
        __asm__ volatile("" : : "r"(result) : "memory"); // no tail call
        return result;
    }
    for (long i = 0; i < count; i++) {
        void *volatile block = malloc(64 + (i & 63));
        free(block);
    }
    return NULL;
}

static void *run(void *unused) {
    (void)unused;
    return descend(depth);
}

int main(int argc, char **argv) {
    count = atol(argv[1]);
    depth = argc > 2 ? atoi(argv[2]) : 0;
    int threads = argc > 3 ? atoi(argv[3]) : 1;
    pthread_t others[64];
    double start = now();
    for (int i = 1; i < threads; i++) pthread_create(&others[i], NULL, run, NULL);
    run(NULL);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    printf("%f\n", (now() - start) / count * 1e9);
}
