// flags: -pthread
/* For sampling: a ledger of small, large, mixed, kept and freed blocks, reallocs, and short threads.
 * The blocks are the same in every run. */
#include "ledger.h"

NOINLINE void small_kept(void) {
    for (int i = 0; i < 40000; i++) {
        if (!malloc(48))
            abort();
        got(48);
    }
}

NOINLINE void small_freed(void) {
    for (int i = 0; i < 40000; i++) {
        void *block = malloc(100);
        got(100);
        free(block);
        gave(100);
    }
}

NOINLINE void large_kept(void) {
    for (int i = 0; i < 40; i++) {
        if (!malloc(200000))
            abort();
        got(200000);
    }
}

NOINLINE void mixed(void) {
    for (int i = 0; i < 4000; i++) {
        long size = 1 + (i * 7919L) % 5000;
        void *block = malloc(size);
        got(size);
        if (i % 3) {
            free(block);
            gave(size);
        }
    }
}

NOINLINE void growing(void) {
    void *block = NULL;
    long size = 0;
    for (long next = 1000; next <= 1000000; next += 1000) {
        block = realloc(block, next);
        if (size)
            gave(size);
        got(next);
        size = next;
    }
}

/* The first allocations of a thread, and its only ones. */
NOINLINE void *in_short_thread(void *unused) {
    for (int i = 0; i < 4; i++) {
        if (!malloc(500))
            abort();
        got(500);
    }
    return unused;
}

/* Each distinct size, so that a test can tell what theory expects. */
static void print_blocks(const char *function, long size, long count) {
    char line[100];
    int length = snprintf(line, sizeof line, "%s blocks %ld %ld\n", function, size, count);
    if (write(1, line, length) != length)
        _exit(1);
}

int main(void) {
    small_kept();
    small_freed();
    large_kept();
    mixed();
    growing();
    for (int i = 0; i < 1000; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, in_short_thread, NULL))
            return 1;
        pthread_join(thread, NULL);
    }
    print_ledger();
    print_blocks("small_kept", 48, 40000);
    print_blocks("small_freed", 100, 40000);
    print_blocks("large_kept", 200000, 40);
    for (int i = 0; i < 4000; i++)
        print_blocks("mixed", 1 + (i * 7919L) % 5000, 1);
    for (long size = 1000; size <= 1000000; size += 1000)
        print_blocks("growing", size, 1);
    print_blocks("in_short_thread", 500, 4000);
    return 0;
}
