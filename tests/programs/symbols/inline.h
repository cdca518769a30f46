// Functions that are inlined across files, so that a chain of frames has lines of two.
#pragma once
#include <stdlib.h>

static inline void *take(size_t size) {
    void *block = malloc(size);
    if (!block)
        abort();
    return block;
}

static inline __attribute__((always_inline)) char *take_text(size_t length) {
    char *text = take(length + 1);
    text[length] = 0;
    return text;
}
