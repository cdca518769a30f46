// COUNT pairs of operator new and delete: nanoseconds a pair.
#include "clock.h"
#include <new>

static void pairs(long n) {
    for (long i = 0; i < n; i++) {
        void *volatile object = operator new(64 + (i & 63));
        operator delete(object);
    }
}

int main(int, char **argv) {
    long count = atol(argv[1]);
    double *times = in_moments(pairs, count);
    print_figures(times, count / MOMENT, MOMENT, 1e-9);
    return 0;
}
