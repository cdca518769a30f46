/* Runs a program that may not execute what was written, as under MemoryDenyWriteExecute=; status 77 if the kernel
 * does not know that. */
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

int main(int argc, char **argv) {
    if (argc < 2 || prctl(PR_SET_MDWE, 1L, 0L, 0L, 0L))
        return 77;
    execvp(argv[1], argv + 1);
    return 127;
}
