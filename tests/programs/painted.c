// flags: -Wl,-z,now
/* Paints the stack below it, allocates, and tells how many bytes of paint are gone. */
#include "ledger.h"
#include <pthread.h>

enum { PAINTED = 64 * 1024, PAINT = 0xA5 };

static unsigned char *low;

/* Leaves the stack as it is below its caller's frame. */
NOINLINE void paint(void) {
    unsigned char area[PAINTED];
    memset(area, PAINT, sizeof area);
    low = area;
    __asm__ volatile("" : : "r"(area) : "memory");
}

static long used(unsigned char *top) {
    unsigned char *at = low;
    while (at < top && *at == PAINT)
        at++;
    return top - at;
}

NOINLINE long stack_of_malloc(void) {
    unsigned char *top = __builtin_frame_address(0);
    paint();
    void *block = malloc(100);
    long bytes = used(top);
    free(block);
    return bytes;
}

NOINLINE long stack_of_free(void) {
    unsigned char *top = __builtin_frame_address(0);
    void *block = malloc(100);
    paint();
    free(block);
    return used(top);
}

int main(void) {
    long first = stack_of_malloc(); /* all is cold */
    long warm = stack_of_malloc(), of_free = stack_of_free();
    char line[200];
    int length = snprintf(line, sizeof line, "%ld %ld %ld\n", first, warm, of_free);
    return write(1, line, length) != length;
}
