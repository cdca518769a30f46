/* Has 200 MiB that it maps by itself, up to its end, or with an argument not up to there; and allocates a little. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
    (void)argv;
    char *memory = mmap(NULL, 200 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *block = malloc(100);
    if (memory == MAP_FAILED || !block)
        return 1;
    memset(memory, 1, 200 << 20);
    if (argc > 1)
        return munmap(memory, 200 << 20);
    return memory[block[0] & 1] - 1;
}
