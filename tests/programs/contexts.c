/* flags: -O0
   Allocates on stacks that makecontext began, and on one that is left and entered again. */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

static ucontext_t home, other;

__attribute__((noinline)) static void in_context(int blocks) {
    for (int i = 0; i < blocks; i++)
        free(malloc(100));
}

static void work(void) {
    in_context(10);
    swapcontext(&other, &home);
    in_context(10);
}

int main(void) {
    for (int i = 0; i < 5; i++) {
        getcontext(&other);
        other.uc_stack.ss_size = 64 * 1024;
        other.uc_stack.ss_sp = malloc(other.uc_stack.ss_size);
        other.uc_link = &home;
        makecontext(&other, work, 0);
        swapcontext(&home, &other);
        swapcontext(&home, &other);
        free(other.uc_stack.ss_sp);
    }
    puts("done");
    return 0;
}
