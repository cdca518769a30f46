/* Starts a program under a limit: RESOURCE BYTES PROGRAM. */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct rlimit limit = {atol(argv[2]), atol(argv[2])};
    if (argc < 4 || setrlimit(atoi(argv[1]), &limit))
        return 90;
    execl(argv[3], argv[3], "return", "7", NULL);
    return 91;
}
