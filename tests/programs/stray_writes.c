/* Writes where it has no business: into the memory in which heaptrace records it. Each pair of
 * arguments is an offset and a value of eight bytes; `random SEED` is sixteen anywhere. It allocates before and after. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void allocate(void) {
    for (int i = 0; i < 2000; i++)
        free(malloc(i));
}

static char *memory;
static long size;

static void write_at(long offset, uint64_t value) {
    memcpy(memory + offset, &value, sizeof value);
}

static void find_memory(void) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        char *end;
        if (strstr(line, "memfd:heaptrace") && sscanf(line, "%p-%p", (void **)&memory, (void **)&end) == 2) {
            size = end - memory;
            break;
        }
    }
    fclose(maps);
}

int main(int argc, char **argv) {
    allocate();
    find_memory();
    if (!memory)
        return 3;
    if (argc > 2 && strcmp(argv[1], "random") == 0) {
        srand48(atol(argv[2]));
        for (int i = 0; i < 16; i++)
            write_at((mrand48() & 0x7fffffff) % (i < 8 ? 8192 : size / 8) * 8, (uint64_t)mrand48() << 32 ^ mrand48());
    } else {
        for (int i = 1; i + 1 < argc; i += 2)
            write_at(atol(argv[i]), strtoull(argv[i + 1], NULL, 0));
    }
    allocate();
    _exit(4);
}
