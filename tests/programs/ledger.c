/* Every way to allocate, each in a function of its own; what must fail fails and leaves errno as documented. */
#define _GNU_SOURCE
#include "ledger.h"
#include <errno.h>
#include <malloc.h>
#include <stdint.h>

/* From here on as C calls them; the compiler must not know what they do. */
static volatile size_t huge = (size_t)PTRDIFF_MAX + 1;
static volatile size_t half = SIZE_MAX / 2;

static void check(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}
#define CHECK(condition) check(condition, #condition)

/* A success leaves errno alone, a failure sets it. */
#define EXPECT(call, error) (errno = 12345, (call), errno == ((error) ? (error) : 12345))

NOINLINE void by_malloc(void) {
    void *kept[10];
    for (int i = 0; i < 10; i++) {
        CHECK(EXPECT(kept[i] = malloc(100 + i), 0));
        got(100 + i);
    }
    for (int i = 0; i < 10; i += 2) {
        CHECK(EXPECT(free(kept[i]), 0));
        gave(100 + i);
    }
    void *nothing = malloc(0);
    CHECK(nothing != NULL);
    got(0);
    free(NULL);
    void *none = (void *)1;
    CHECK(EXPECT(none = malloc(huge), ENOMEM) && none == NULL);
}

NOINLINE void by_calloc(void) {
    char *block;
    CHECK(EXPECT(block = calloc(7, 33), 0));
    got(7 * 33);
    for (int i = 0; i < 7 * 33; i++)
        CHECK(block[i] == 0);
    void *none = (void *)1;
    CHECK(EXPECT(none = calloc(half, 4), ENOMEM) && none == NULL);
    CHECK(EXPECT(none = calloc(1, huge), ENOMEM) && none == NULL);
    void *empty = calloc(0, 8);
    got(0);
    free(empty);
    gave(0);
}

NOINLINE void by_realloc_growing(void) {
    char *block = NULL;
    long size = 0;
    for (long next = 16; next <= 1 << 20; next *= 2) {
        CHECK(EXPECT(block = realloc(block, next), 0));
        if (size > 0) {
            gave(size);
            CHECK(block[size - 1] == (char)size);
        }
        got(next);
        block[next - 1] = (char)next;
        size = next;
    }
}

NOINLINE void by_realloc_shrinking(void) {
    void *block = malloc(5000);
    got(5000);
    for (long size = 4999; size > 4900; size -= 33) { /* in place */
        void *same = realloc(block, size);
        CHECK(same == block);
        gave(size == 4999 ? 5000 : size + 33);
        got(size);
    }
}

NOINLINE void by_realloc_to_nothing(void) {
    void *block = realloc(NULL, 0);
    CHECK(block != NULL);
    got(0);
    block = realloc(block, 77);
    gave(0);
    got(77);
    block = realloc(block, 0); /* glibc frees it */
    CHECK(block == NULL);
    gave(77);
}

NOINLINE void by_realloc_failing(void) {
    char *block = malloc(321);
    got(321);
    block[320] = 7;
    void *none = (void *)1;
    CHECK(EXPECT(none = realloc(block, half), ENOMEM) && none == NULL);
    CHECK(EXPECT(none = realloc(block, huge), ENOMEM) && none == NULL);
    CHECK(EXPECT(none = reallocarray(block, half, 3), ENOMEM) && none == NULL);
    CHECK(block[320] == 7);
}

NOINLINE void by_realloc_failing_then_free(void) {
    void *block = malloc(654);
    got(654);
    CHECK(realloc(block, half) == NULL);
    free(block);
    gave(654);
}

NOINLINE void by_reallocarray(void) {
    void *block;
    CHECK(EXPECT(block = reallocarray(NULL, 10, 24), 0));
    got(240);
    CHECK(EXPECT(block = reallocarray(block, 100, 24), 0));
    gave(240);
    got(2400);
}

NOINLINE void by_posix_memalign(void) {
    void *block = NULL;
    int result;
    errno = 12345;
    result = posix_memalign(&block, 256, 1000);
    CHECK(result == 0 && errno == 12345 && (uintptr_t)block % 256 == 0);
    got(1000);
    void *untouched = (void *)0x1234;
    result = posix_memalign(&untouched, 24, 10);
    CHECK(result == EINVAL && untouched == (void *)0x1234);
    result = posix_memalign(&untouched, 64, huge);
    CHECK(result == ENOMEM && untouched == (void *)0x1234);
}

NOINLINE void by_aligned_alloc(void) {
    void *block;
    CHECK(EXPECT(block = aligned_alloc(512, 1024), 0));
    CHECK((uintptr_t)block % 512 == 0);
    got(1024);
    free(aligned_alloc(64, 640));
    got(640);
    gave(640);
}

NOINLINE void by_memalign(void) {
    void *block;
    CHECK(EXPECT(block = memalign(4096, 3000), 0));
    CHECK((uintptr_t)block % 4096 == 0);
    got(3000);
    void *none = (void *)1;
    CHECK(EXPECT(none = memalign(half + 2, 8), EINVAL) && none == NULL);
}

NOINLINE void by_valloc(void) {
    void *block;
    CHECK(EXPECT(block = valloc(123), 0));
    CHECK((uintptr_t)block % 4096 == 0);
    got(123);
}

NOINLINE void by_pvalloc(void) {
    void *block;
    CHECK(EXPECT(block = pvalloc(4097), 0));
    CHECK((uintptr_t)block % 4096 == 0 && malloc_usable_size(block) >= 8192);
    got(4097); /* as requested, not as rounded up */
}

NOINLINE void by_strdup(void) {
    char *copy = strdup("a string of twenty-seven.."); /* 26 and the NUL */
    CHECK(strlen(copy) == 26);
    got(27);
}

/* The moment of the peak: clear of whatever else is allocated. */
NOINLINE void by_malloc_at_the_peak(void) {
    void *block = malloc(64 << 20);
    got(64 << 20);
    free(block);
    gave(64 << 20);
}

NOINLINE void by_malloc_after_the_peak(void) {
    for (int i = 0; i < 1000; i++) {
        CHECK(malloc(i) != NULL);
        got(i);
    }
}

int main(void) {
    by_malloc();
    by_calloc();
    by_realloc_growing();
    by_realloc_shrinking();
    by_realloc_to_nothing();
    by_realloc_failing();
    by_realloc_failing_then_free();
    by_reallocarray();
    by_posix_memalign();
    by_aligned_alloc();
    by_memalign();
    by_valloc();
    by_pvalloc();
    by_strdup();
    by_malloc_at_the_peak();
    by_malloc_after_the_peak();
    print_ledger();
    return 0;
}
