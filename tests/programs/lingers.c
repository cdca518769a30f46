// flags: -static
/* A static program that is there for long enough to be looked at. */
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    free(malloc(100));
    usleep(400000);
    return 6;
}
