/* An allocator that is linked in, or called by names of its own: every way to allocate, each in a function that
 * keeps account. P(malloc) is its name for malloc. Steps of 24, so that blocks are moved and kept. */
#include "ledger.h"

NOINLINE void by_malloc(void) {
    for (int i = 0; i < 500; i++) {
        void *block = P(malloc)(1 + 24 * i);
        got(1 + 24 * i);
        if (i % 3) {
            P(free)(block);
            gave(1 + 24 * i);
        }
    }
}

NOINLINE void by_calloc(void) {
    for (int i = 1; i < 300; i++) {
        char *block = P(calloc)(i, 40);
        got(40 * i);
        for (int at = 0; at < 40 * i; at++)
            if (block[at])
                abort();
        if (i % 2) {
            P(free)(block);
            gave(40 * i);
        }
    }
    volatile size_t half = (size_t)-1 / 2;
    if (P(calloc)(half, 4))
        abort();
}

NOINLINE void by_realloc(void) {
    for (int kept = 0; kept < 2; kept++) {
        char *block = NULL;
        long size = 0;
        for (long next = 16; next <= 1 << 20; next += next / 3) {
            block = P(realloc)(block, next);
            if (size)
                gave(size);
            got(next);
            block[next - 1] = 1;
            size = next;
        }
        block = P(realloc)(block, 10);
        gave(size);
        got(10);
        if (!kept) {
            P(free)(block);
            gave(10);
        }
    }
}

NOINLINE void by_failed_realloc(void) {
    void *block = P(malloc)(1000);
    got(1000);
    volatile size_t too_much = (size_t)1 << 62;
    if (P(realloc)(block, too_much))
        abort();
}

NOINLINE void by_aligned_forms(void) {
    for (int i = 0; i < 300; i++) {
        size_t alignment = (size_t)16 << i % 9, size = alignment * (1 + i % 5);
        void *one = P(aligned_alloc)(alignment, size), *other;
        got(size);
        if (P(posix_memalign)(&other, alignment, 3 * i))
            abort();
        got(3 * i);
        void *third = P(memalign)(alignment, 1000);
        got(1000);
        if (!one || !third)
            abort();
        if (i % 4) {
            P(free)(one);
            gave(size);
            P(free)(other);
            gave(3 * i);
        }
        P(free)(third);
        gave(1000);
    }
}

static void *elsewhere[500];

static void *free_them(void *unused) {
    for (int i = 0; i < 500; i++)
        P(free)(elsewhere[i]);
    return unused;
}

NOINLINE void freed_elsewhere(void) {
    for (int i = 0; i < 500; i++) {
        elsewhere[i] = P(malloc)(100 + i);
        got(100 + i);
    }
    for (int i = 0; i < 500; i++)
        gave(100 + i); /* soon */
}

NOINLINE void thread_frees(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_them, NULL) || pthread_join(thread, NULL))
        abort();
}

/* For sampling: with an argument, many blocks of a few sizes, and how many. */
#define STEADY(name, size, count, make) \
    NOINLINE void name(void) { \
        for (int i = 0; i < count; i++) { \
            void *block = make; \
            if (!block) \
                abort(); \
            got(size); \
            if (i % 16) { \
                P(free)(block); \
                gave(size); \
            } \
        } \
    } \
    static void tell_##name(void) { \
        name(); \
        printf(#name " blocks %d %d\n", size, count); \
        fflush(stdout); \
    }

STEADY(small_steady, 40, 40000, P(malloc)(40))
STEADY(large_steady, 30000, 400, P(malloc)(30000))
STEADY(cleared_steady, 600, 4000, P(calloc)(6, 100))
STEADY(aligned_steady, 1024, 4000, P(aligned_alloc)(1024, 1024))
STEADY(moved_steady, 2000, 4000, P(realloc)(NULL, 2000))

/* Blocks that grow, each where it is or elsewhere. */
NOINLINE void grown_steady(void) {
    for (int i = 0; i < 4000; i++) {
        void *block = P(realloc)(NULL, 1000);
        got(1000);
        block = P(realloc)(block, 5000);
        gave(1000);
        got(5000);
        if (!block)
            abort();
        if (i % 16) {
            P(free)(block);
            gave(5000);
        }
    }
}

static void tell_grown_steady(void) {
    grown_steady();
    puts("grown_steady blocks 1000 4000\ngrown_steady blocks 5000 4000");
    fflush(stdout);
}

int main(int argc, char **argv) {
    (void)argv;
    void (*ways[])(void) = {by_malloc, by_calloc, by_realloc, by_failed_realloc, by_aligned_forms, freed_elsewhere,
                            thread_frees,
#ifdef MORE
                            MORE
#endif
    };
    void (*steady[])(void) = {tell_small_steady, tell_large_steady, tell_cleared_steady, tell_aligned_steady, tell_moved_steady, tell_grown_steady};
    if (argc > 1)
        for (size_t i = 0; i < sizeof steady / sizeof *steady; i++)
            steady[i]();
    else
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            ways[i]();
    print_ledger();
    return 0;
}
