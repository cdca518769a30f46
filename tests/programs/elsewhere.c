// Allocates in a function of a name of choice.
#include <stdlib.h>
void *volatile kept;
__attribute__((noinline)) void NAME(int n) { kept = malloc(n * 1000); }
int main(int argc, char **argv) {
    (void)argv;
    NAME(argc);
    return 0;
}
