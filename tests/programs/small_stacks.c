// flags: -pthread
/* Allocates on the smallest stacks there are: threads', a signal handler's, and coroutines'. */
#define _GNU_SOURCE
#include "ledger.h"
#include <limits.h>
#include <signal.h>
#include <ucontext.h>

NOINLINE void *in_small_thread(void *unused) {
    for (int i = 0; i < 100; i++) {
        if (!malloc(40))
            abort();
        got(40);
    }
    return unused;
}

NOINLINE void in_handler(int signal) {
    if (!malloc(50 + 0 * signal))
        abort();
    got(50);
}

static ucontext_t outside, inside;

NOINLINE void in_coroutine(void) {
    for (int i = 0; i < 100; i++) {
        if (!malloc(60))
            abort();
        got(60);
        swapcontext(&inside, &outside);
    }
}

int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, in_small_thread, NULL))
            return 1;
        pthread_join(thread, NULL);
    }

    stack_t stack = {.ss_sp = malloc(8192), .ss_size = 8192};
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
        return 2;
    for (int i = 0; i < 100; i++)
        raise(SIGUSR1);

    for (int i = 0; i < 10; i++) {
        getcontext(&inside);
        inside.uc_stack.ss_sp = malloc(16384);
        inside.uc_stack.ss_size = 16384;
        inside.uc_link = &outside;
        makecontext(&inside, in_coroutine, 0);
        for (int j = 0; j <= 100; j++)
            swapcontext(&outside, &inside);
    }
    print_ledger();
    return 0;
}
