// flags: -pthread
/* Threads call the malloc family as often as they keep account of, and stay until the process ends.
 *
 * THREADS WAY: how it ends: "return", "_exit", "kill" (by SIGKILL), "fork" (three children do the same work, with
 * one thread each), "exec" (goes on to itself, with one thread). Lines of `PID FAMILY CALLS BYTES` tell of each
 * process, and `PID frees COUNT 0`. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 3000, KEPT = 64 };
enum { MALLOC, CALLOC, REALLOC, ALIGNED, FAMILIES };

static _Atomic long calls[FAMILIES], bytes[FAMILIES], frees;
static _Atomic int done;

static void got(int family, long size) {
    calls[family]++;
    bytes[family] += size;
}

static void give(void *block) {
    if (block)
        frees++;
    free(block);
}

static void work(unsigned seed) {
    void *kept[KEPT] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned at = (seed >> 8) % KEPT;
        long size = (seed >> 14) % (i % 100 ? 2000 : 300000); /* some are mappings of their own */
        switch (seed >> 30) {
        case 0:
            give(kept[at]);
            kept[at] = malloc(size);
            got(MALLOC, size);
            break;
        case 1:
            if (size == 0)
                size = 1;
            if (kept[at])
                frees++;
            kept[at] = realloc(kept[at], size);
            got(REALLOC, size);
            break;
        case 2:
            give(kept[at]);
            kept[at] = memalign(64, size);
            got(ALIGNED, size);
            break;
        default:
            give(kept[at]);
            kept[at] = NULL;
        }
    }
}

static void *thread(void *seed) {
    work((unsigned)(long)seed);
    done++;
    for (;;)
        pause();
}

/* Allocates nothing. */
static void tell(void) {
    static const char *names[] = {"malloc", "calloc", "realloc", "aligned"};
    char text[512];
    int length = 0;
    for (int i = 0; i < FAMILIES; i++)
        if (i != CALLOC) /* pthread_create calls it */
            length += snprintf(text + length, sizeof text - length, "%d %s %ld %ld\n", getpid(), names[i], calls[i],
                               bytes[i]);
    length += snprintf(text + length, sizeof text - length, "%d frees %ld 0\n", getpid(), frees);
    if (write(1, text, length) != length)
        _exit(99);
}

static void reset(void) {
    for (int i = 0; i < FAMILIES; i++)
        calls[i] = bytes[i] = 0;
    frees = 0;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    int threads = atoi(argv[1]);
    pthread_t other;
    for (int i = 1; i < threads; i++)
        if (pthread_create(&other, NULL, thread, (void *)(long)i))
            return 1;
    work(0);
    while (done < threads - 1)
        usleep(1000);
    const char *way = argv[2];
    if (strcmp(way, "fork") == 0) {
        int children = 3;
        for (int i = 1; i <= children; i++)
            if (fork() == 0) {
                reset();
                work(100 * i);
                tell();
                _exit(0);
            }
        while (wait(NULL) > 0)
            ;
    }
    tell();
    if (strcmp(way, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(way, "exec") == 0)
        execl("/proc/self/exe", argv[0], "1", "_exit", NULL);
    if (strcmp(way, "return") == 0)
        return 0;
    _exit(0);
}
