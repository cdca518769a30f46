/* Asks for its own counts, of what it does in between: "bare", or what was counted. */
#define _GNU_SOURCE
#include "../../preload/client/heaptrace.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    struct heaptrace_counts before, after, process;
    char text[128];
    int length = 0;
    if (!heaptrace_count_thread(&before)) {
        length = snprintf(text, sizeof text, "bare %d\n", heaptrace_mark_moment("here"));
    } else {
        void *volatile block;
        for (int i = 0; i < 10; i++) {
            block = malloc(100);
            block = realloc(block, 200);
            free(block);
        }
        heaptrace_count_thread(&after);
        heaptrace_count_process(&process);
        length = snprintf(text, sizeof text, "%lu %lu %lu %lu %d\n", after.allocations - before.allocations,
                          after.bytes - before.bytes, after.frees - before.frees,
                          after.reallocations - before.reallocations, process.allocations >= after.allocations);
    }
    return write(1, text, length) != length;
}
