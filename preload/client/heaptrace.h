/* A program's own counts under `heaptrace stat`, for a benchmark that shows allocations and bytes for each
 * operation; and marks in what `heaptrace run` records, for what each request leaks. The library is looked for in
 * the running process once, and nothing is linked (with a C library older than glibc 2.34, -ldl): in a program that
 * runs bare every call tells nothing.
 *
 *     struct heaptrace_counts before, after;
 *     if (heaptrace_count_thread(&before)) {
 *         work();
 *         heaptrace_count_thread(&after);
 *         printf("%llu allocations\n", (unsigned long long)(after.allocations - before.allocations));
 *     }
 *     heaptrace_mark_moment("request 7");
 */
#ifndef HEAPTRACE_H
#define HEAPTRACE_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct heaptrace_counts {
    uint64_t allocations;   /* blocks allocated, by realloc too */
    uint64_t bytes;         /* asked for */
    uint64_t frees;         /* blocks freed, by realloc too */
    uint64_t reallocations; /* calls of realloc */
    uint64_t failures;      /* requests that failed */
    int64_t in_use;         /* bytes, by the allocator's usable size; of a process only */
    int64_t peak;           /* the most bytes in use; of a process only */
};

/* The function of that name, looked up once: `known` is its place. */
static inline void *heaptrace_function(void **known, const char *name) {
    if (!*known) {
        void *found = dlsym(RTLD_DEFAULT, name);
        *known = found ? found : (void *)1;
    }
    return *known == (void *)1 ? NULL : *known;
}

/* What the calling thread has counted; false if nothing is counted. A thread may go on from what one that has ended
 * left: only differences mean something. */
static inline bool heaptrace_count_thread(struct heaptrace_counts *to) {
    static void *known;
    void *function = heaptrace_function(&known, "heaptrace_thread_counts");
    return function && ((bool (*)(struct heaptrace_counts *, size_t))function)(to, sizeof *to);
}

/* What all threads of this process have counted; false if nothing is counted. */
static inline bool heaptrace_count_process(struct heaptrace_counts *to) {
    static void *known;
    void *function = heaptrace_function(&known, "heaptrace_process_counts");
    return function && ((bool (*)(struct heaptrace_counts *, size_t))function)(to, sizeof *to);
}

/* Gives this moment of the process a name, to see what came since, or up to another: heaptrace snapshot PID
 * --since NAME --until NAME. False if nobody records it, as under heaptrace stat, or the name is empty, longer than
 * 256 bytes, or has control characters. A name that was given before is that of the later moment; of one a request
 * the latest 4,096 are kept, less if they take more than 64 MiB. */
static inline bool heaptrace_mark_moment(const char *name) {
    static void *known;
    void *function = heaptrace_function(&known, "heaptrace_mark");
    return function && ((bool (*)(const char *))function)(name);
}

#ifdef __cplusplus
}
#endif
#endif
