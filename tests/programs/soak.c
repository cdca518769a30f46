// flags: -pthread
/* Threads that come and go by the hundred until so many seconds have passed: each makes blocks and changes some,
 * takes what others have left on shelves, and leaves something to others. Usage: soak SECONDS */
#include "ledger.h"
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { AT_ONCE = 200, STEPS = 200, SHELVES = 1024, SMALLEST = 16, LARGEST = 600, DEEPEST = 24 };

/* Who made a block, and how large it is: at its beginning. */
struct block {
    const char *function;
    long size;
};

static _Atomic(struct block *) shelves[SHELVES];

static struct block *note(struct block *block, const char *function, long size) {
    *block = (struct block){function, size};
    got_in(function, size);
    return block;
}

static void forget(const struct block *block) { gave_in(block->function, block->size); }

NOINLINE struct block *makes(long size) { return note(malloc(size), __func__, size); }

NOINLINE struct block *clears(long size) { return note(calloc(1, size), __func__, size); }

NOINLINE struct block *changes(struct block *block, long size) {
    forget(block);
    return note(realloc(block, size), __func__, size);
}

NOINLINE void ends(struct block *block) {
    forget(block);
    free(block);
}

NOINLINE struct block *step(struct block *block, uint32_t random, int depth) {
    if (depth > 0)
        return step(block, random, depth - 1);
    long size = SMALLEST + random % (LARGEST - SMALLEST);
    if (!block)
        return random & 1 << 20 ? makes(size) : clears(size);
    if (random & 1 << 21)
        return changes(block, size);
    ends(block);
    return NULL;
}

static uint32_t next(uint64_t *state) { return (*state = *state * 6364136223846793005 + 1442695040888963407) >> 33; }

static void *work(void *seed) {
    uint64_t state = (uintptr_t)seed;
    for (int i = 0; i < STEPS; i++) {
        _Atomic(struct block *) *shelf = &shelves[next(&state) % SHELVES];
        struct block *block = step(atomic_exchange(shelf, NULL), next(&state), next(&state) % DEEPEST);
        if (block && (block = atomic_exchange(shelf, block)))
            ends(block);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static pthread_t threads[AT_ONCE];
    time_t end = time(NULL) + (argc > 1 ? atol(argv[1]) : 0);
    uintptr_t started = 0;
    do {
        for (int i = 0; i < AT_ONCE; i++) {
            if (started >= AT_ONCE)
                pthread_join(threads[i], NULL);
            if (pthread_create(&threads[i], NULL, work, (void *)++started))
                return 1;
        }
    } while (time(NULL) < end);
    for (int i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], NULL);
    print_ledger();
    print_line("main", "threads", (long)started);
    return 0;
}
