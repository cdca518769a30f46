/* A server without clients, for scripts/soak: MODE SECONDS, where MODE is
 *   forks    each request is served by a forked child
 *   threads  eight threads serve, hand blocks on to each other, and are replaced by new ones
 * It has as much in use in its last minute as in its first: a table of sessions, whose entries come and go.
 * Each second it prints how many bytes it has in use, which it knows exactly. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
enum { SESSIONS = 4096, THREADS = 8, LARGEST = 16384 };

struct block {
    size_t size;
};

static atomic_long in_use;
static struct block *_Atomic sessions[SESSIONS];

static uint64_t below(uint64_t *state, uint64_t limit) {
    *state ^= *state >> 12, *state ^= *state << 25, *state ^= *state >> 27;
    return (*state * 0x2545F4914F6CDD1DULL >> 33) % limit;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void rest(long microseconds) {
    nanosleep(&(struct timespec){microseconds / 1000000, microseconds % 1000000 * 1000}, NULL);
}

static void *make(size_t size) {
    struct block *block = malloc(size);
    if (!block)
        abort();
    block->size = size;
    atomic_fetch_add(&in_use, size);
    return block;
}

static void drop(struct block *block) {
    if (block)
        atomic_fetch_sub(&in_use, block->size);
    free(block);
}

/* Whoever comes next to this place of the table frees the block, in whatever thread that is. */
NOINLINE void keep_session(uint64_t *state) {
    struct block *block = make(sizeof *block + below(state, LARGEST));
    drop(atomic_exchange(&sessions[below(state, SESSIONS)], block));
}

NOINLINE void parse_request(uint64_t *state, int depth) {
    struct block *block = make(sizeof *block + below(state, LARGEST));
    if (depth)
        parse_request(state, depth - 1);
    drop(block);
}

NOINLINE void serve(uint64_t *state) {
    parse_request(state, 5);
    keep_session(state);
}

static void *work(void *seed) {
    uint64_t state = (uintptr_t)seed | 1;
    for (int i = 0; i < 2000; i++) {
        serve(&state);
        if (i % 4 == 0)
            rest(1000);
    }
    return NULL;
}

static void fork_once(uint64_t *state) {
    pid_t child = fork();
    if (child < 0)
        perror("fork"), exit(1);
    if (child == 0) {
        for (int i = 0; i < 20; i++)
            serve(state);
        _exit(0);
    }
    keep_session(state);
    if (waitpid(child, NULL, 0) != child)
        abort();
}

int main(int argc, char **argv) {
    if (argc != 3)
        return fprintf(stderr, "usage: serves forks|threads SECONDS\n"), 2;
    int forks = strcmp(argv[1], "forks") == 0;
    double end = now() + atof(argv[2]), told = 0;
    uint64_t state = 88172645463325252ULL;
    pthread_t threads[THREADS];
    for (int i = 0; !forks && i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)below(&state, 1 << 30));
    for (int i = 0; i < 4 * SESSIONS; i++)
        keep_session(&state);
    for (unsigned turn = 0; now() < end; turn++) {
        if (forks) {
            fork_once(&state);
            rest(20000);
        } else {
            /* The next one has come to its end, or will. */
            pthread_t *next = &threads[turn % THREADS];
            pthread_join(*next, NULL);
            pthread_create(next, NULL, work, (void *)below(&state, 1 << 30));
        }
        if (now() >= told + 1) {
            told = now();
            printf("%ld\n", atomic_load(&in_use)), fflush(stdout);
        }
    }
    for (int i = 0; !forks && i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
