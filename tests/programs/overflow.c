/* Runs out of stack, allocating all the way down. */
#include <stdlib.h>

int descend(volatile char *above) {
    volatile char page[4096];
    page[0] = *above;
    free(malloc(100));
    return descend(page) + page[0];
}

int main(void) {
    volatile char first = 1;
    return descend(&first);
}
