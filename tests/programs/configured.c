/* flags: -shared -fPIC -Wl,-soname,configured
 * An allocator that reads its setting from the environment when it is first called. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static void configure(void) {
    static int is_configured;
    if (is_configured)
        return;
    is_configured = 1;
    const char *setting = getenv("SETTING"), *text = setting ? setting : "no setting";
    write(1, text, strlen(text));
    write(1, "\n", 1);
}

void *malloc(size_t size) { configure(); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { configure(); return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { configure(); return __libc_realloc(block, size); }
void free(void *block) { __libc_free(block); }
