/* flags: -shared -fPIC -Wl,-z,now,-soname,resolver
 * A function whose implementation is chosen when it is bound, by a resolver that uses memory: while the dynamic linker
 * relocates this library, and before it comes to those that were loaded earlier. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

static int small(int x) { return x + 1; }
static int large(int x) { return x + 2; }

static int (*choose(void))(int) {
    char *block = malloc(100);
    block = realloc(block, 5000);
    memset(block, 1, 5000);
    char *zeros = calloc(10, 10), *array = reallocarray(NULL, 10, 10), *aligned = aligned_alloc(64, 128);
    int sum = block[4999] + zeros[99] + (array && aligned);
    free(block);
    free(zeros);
    free(array);
    free(aligned);
    return sum == 2 ? large : small;
}

__attribute__((visibility("hidden"))) int pick(int x) __attribute__((ifunc("choose")));

int use(int x) { return pick(x); }
