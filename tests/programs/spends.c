/* Makes a number of allocations that it frees, and leaks a number of bytes: spends ALLOCATIONS LEAKED [STATUS].
   Tells on standard output what it did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void spend(int count) {
    for (int i = 0; i < count; i++) {
        char *block = malloc(100);
        memset(block, i, 100);
        free(block);
    }
}

__attribute__((noinline)) static void leak(size_t size) {
    static char *volatile forgotten;
    forgotten = malloc(size);
    memset(forgotten, 1, size);
}

int main(int count, char **words) {
    spend(atoi(words[1]));
    if (atol(words[2]) > 0) leak(atol(words[2]));
    printf("spent\n");
    return count > 3 ? atoi(words[3]) : 0;
}
