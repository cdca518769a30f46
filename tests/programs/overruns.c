/* Writes one byte behind a block, which glibc's malloc notices where it is asked to check. */
#include <stdlib.h>

int main(void) {
    char *block = malloc(20);
    block[20] = 0x55;
    free(block);
    return 5;
}
