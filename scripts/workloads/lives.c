/* A program of which it is known what it does with its memory: SCENARIO SECONDS SEED.
 * Beside what the scenario says, it always has heavy churn: requests whose blocks live for some
 * milliseconds, twenty times as many as what else it allocates. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline, noclone))
enum { SLOTS = 4096, REQUESTS = 64, QUEUE = 1 << 20 };

static uint64_t state;

static uint64_t below(uint64_t limit) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (state * 0x2545F4914F6CDD1DULL >> 33) % limit;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *requests[REQUESTS];

NOINLINE void serve(void) {
    for (int i = 0; i < 20; i++) {
        void **place = &requests[below(REQUESTS)];
        free(*place);
        *place = malloc(500 + below(1000));
    }
}

/* One of twenty blocks of a request is never freed. */
NOINLINE void leak_session(void) {
    for (int i = 0; i < 20; i++) {
        void *block = malloc(1000 + below(500));
        if (i > 0)
            free(block);
    }
}

static void *entries[SLOTS];
static unsigned next;

/* As many entries as there are keys; each is made once. */
NOINLINE void fill_cache(void) {
    void **place = &entries[below(SLOTS) % 250];
    if (!*place)
        *place = malloc(1000 + below(500));
}

/* The newest entries. */
NOINLINE void keep_newest(void) {
    void **place = &entries[next++ % 800];
    free(*place);
    *place = malloc(1000 + below(500));
}

/* As large as the largest load so far needed, in steps. */
NOINLINE void grow_pool(double at) {
    static unsigned size;
    (void)at;
    unsigned load = 0;
    for (int i = 0; i < 12; i++)
        load += below(100);
    for (; size * 1.3 + 50 < load && size < SLOTS - 300;)
        for (int i = 0; i < 60; i++, size++)
            entries[size] = malloc(1000 + below(500));
}

static void *queue[QUEUE];
static unsigned head, tail;

/* From two thirds of the time on more comes than is done. */
NOINLINE void enqueue(double at) {
    queue[head++ % QUEUE] = malloc(1000 + below(500));
    int done = at < 0.66 || head % 2 == 0;
    if (done && tail != head)
        free(queue[tail++ % QUEUE]);
}

/* Blocks of many sizes that live for long and take each other's place: the heap stays, its holes grow. */
NOINLINE void fragment(void) {
    void **place = &entries[below(800)];
    free(*place);
    *place = malloc(100 << below(6));
}

/* A table, made at the start. */
NOINLINE void start_up(void) {
    for (int i = 0; i < 600; i++)
        entries[SLOTS - 1 - i] = malloc(1000 + below(500));
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    const char *scenario = argv[1];
    double seconds = atof(argv[2]), begin = now(), at;
    state = strtoull(argv[3], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
    if (!strcmp(scenario, "start-up"))
        start_up();
    while ((at = (now() - begin) / seconds) < 1) {
        serve();
        if (!strcmp(scenario, "leak"))
            leak_session();
        else if (!strcmp(scenario, "cache"))
            fill_cache();
        else if (!strcmp(scenario, "lru"))
            keep_newest();
        else if (!strcmp(scenario, "pool"))
            grow_pool(at);
        else if (!strcmp(scenario, "queue"))
            enqueue(at);
        else if (!strcmp(scenario, "fragments"))
            fragment();
        nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 300000)}, NULL);
    }
    return 0;
}
