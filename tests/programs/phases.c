/* Allocates, says "ready", waits for the file "go", and gives back what it has while it allocates
 * more. With an argument it does so for that many rounds, and waits only once. */
#include "ledger.h"

static void *blocks[2000];

NOINLINE void first_phase(void) {
    for (int i = 0; i < 2000; i++) {
        blocks[i] = malloc(100);
        got(100);
    }
}

NOINLINE void second_phase(void) {
    for (int i = 0; i < 2000; i++) {
        free(blocks[i]);
        gave_in("first_phase", 100);
        blocks[i] = malloc(200);
        got(200);
    }
}

NOINLINE void give_all_back(void) {
    for (int i = 0; i < 2000; i++) {
        free(blocks[i]);
        gave_in("second_phase", 200);
    }
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = 0; i < rounds; i++) {
        first_phase();
        if (i == 0) {
            if (write(1, "ready\n", 6) != 6)
                return 1;
            while (access("go", F_OK) != 0)
                usleep(1000);
        }
        second_phase();
        if (rounds > 1)
            give_all_back();
    }
    print_ledger();
    return 3;
}
