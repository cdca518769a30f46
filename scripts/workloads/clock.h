// Times what is done over and over, and prints two figures: the mean, and the time of a quiet
// moment, the tenth percentile. What else the machine does only ever makes a moment slower.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// `times` are the seconds of each moment, in which `each` things were done; `unit` is that of the
// figures, in seconds.
static void print_figures(double *times, long count, double each, double unit) {
    double sum = 0;
    for (long i = 0; i < count; i++) sum += times[i];
    qsort(times, count, sizeof *times, ascending);
    printf("mean %f\nquiet %f\n", sum / count / each / unit, times[count / 10] / each / unit);
}

enum { MOMENT = 100000 };

// Times `work`, which does as many pairs of malloc and free as it is told, moment by moment.
static inline double *in_moments(void (*work)(long), long pairs) {
    double *times = (double *)calloc(pairs / MOMENT + 1, sizeof *times);
    for (long i = 0; i < pairs / MOMENT; i++) {
        double start = now();
        work(MOMENT);
        times[i] = now() - start;
    }
    return times;
}
