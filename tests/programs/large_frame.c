/* Allocates below a frame of many MiB, on the main stack and on a thread's. flags: -pthread */
#include <pthread.h>
#include <stdlib.h>

static void *volatile last;

__attribute__((noinline)) static void allocate(double *work) {
    last = malloc(1000 + (work[0] > 1));
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void solve(long megabytes) {
    double work[megabytes << 17];
    work[0] = work[(megabytes << 17) - 1] = 1;
    for (int i = 0; i < 100; i++)
        allocate(work);
    __asm__ volatile("" ::"r"(work) : "memory");
}

__attribute__((noinline)) static void *run(void *megabytes) {
    solve((long)megabytes);
    __asm__ volatile("" ::: "memory");
    return NULL;
}

int main(int argc, char **argv) {
    long megabytes = argc > 1 ? atol(argv[1]) : 1;
    run((void *)megabytes);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (megabytes + 1) << 20);
    return pthread_create(&thread, &attributes, run, (void *)megabytes) || pthread_join(thread, NULL);
}
