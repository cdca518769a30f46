/* Allocates, says "ready", and waits for its end. */
#include "ledger.h"

NOINLINE void before_sleeping(void) {
    for (int i = 0; i < 100; i++)
        if (!malloc(i))
            abort();
}

int main(void) {
    before_sleeping();
    if (write(1, "ready\n", 6) != 6)
        return 1;
    for (;;)
        pause();
}
