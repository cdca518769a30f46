/* Its heap grows and shrinks three times in about half a second. At the end a part of it stays. */
#include "ledger.h"

static void *blocks[64];

NOINLINE void inhale(int i) {
    blocks[i] = malloc(100000);
    memset(blocks[i], 1, 100000);
    got(100000);
}

NOINLINE void exhale(int i) {
    free(blocks[i]);
    gave_in("inhale", 100000);
}

int main(void) {
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++, usleep(1000))
            inhale(i);
        for (int i = 0; i < (round < 2 ? 64 : 60); i++, usleep(1000))
            exhale(i);
    }
    print_ledger();
    return 0;
}
