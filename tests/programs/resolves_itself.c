/* A program with a function that needs memory to be resolved. */
#include "resolver.c"
#include <stdio.h>

int main(void) {
    printf("%d %d\n", use(1), pick(1));
    return 0;
}
