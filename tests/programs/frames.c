// flags: -fomit-frame-pointer -mavx
/* Frames that are hard to unwind: realigned ones, alloca, variable arrays, many saved registers. */
#include "ledger.h"
#include <alloca.h>
#include <immintrin.h>

NOINLINE void keep(int size) {
    if (!malloc(size))
        abort();
}

__attribute__((noinline, force_align_arg_pointer)) void realigned(int n) {
    __attribute__((aligned(64))) volatile char vector[64];
    vector[0] = (char)n;
    keep(10 + vector[0]);
}

NOINLINE void with_alloca(int n) {
    volatile char *area = alloca(100 + 7 * n);
    area[n] = 1;
    realigned(n);
    __asm__ volatile("" ::"r"(area) : "memory");
}

NOINLINE void with_array(int n) {
    volatile char array[n * 3 + 1];
    array[n] = 2;
    with_alloca(n);
    __asm__ volatile("" ::"r"(array) : "memory", "rbx", "r12", "r13", "r14", "r15");
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) void with_frame_pointer(int n) {
    with_array(n);
    __asm__ volatile("");
}

__attribute__((force_align_arg_pointer)) int main(void) {
    __attribute__((aligned(128))) volatile char vector[128];
    for (int i = 0; i < 100; i++) {
        vector[i] = 1;
        with_frame_pointer(i + vector[i] - 1);
    }
    return 0;
}
