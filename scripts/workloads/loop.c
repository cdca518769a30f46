// COUNT pairs of malloc and free at a stack DEPTH, in each of THREADS threads: nanoseconds a pair.
#include "clock.h"
#include <pthread.h>

static long count;
static int depth;

static void pairs(long n) {
    for (long i = 0; i < n; i++) {
        void *volatile block = malloc(64 + (i & 63));
        free(block);
    }
}

__attribute__((noinline)) static double *descend(int frames) {
    if (frames > 0) {
        double *result = descend(frames - 1);
        __asm__ volatile("" : : "r"(result) : "memory"); // no tail call
        return result;
    }
    return in_moments(pairs, count);
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
    for (int i = 1; i < threads; i++) pthread_create(&others[i], NULL, run, NULL);
    double *times = run(NULL);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    print_figures(times, count / MOMENT, MOMENT, 1e-9);
}
