/* Forks children that allocate, COUNT `at-once` or `in-turn`; no more than as many at once as the
 * machine allows. Prints how many there were. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile sink;

__attribute__((noinline)) static void in_child(void) {
    for (int i = 0; i < 10; i++)
        sink = malloc(1000);
}

int main(int argc, char **argv) {
    int count = argc > 2 ? atoi(argv[1]) : 0, at_once = argc > 2 && strcmp(argv[2], "at-once") == 0;
    int gate[2], ready[2];
    if (pipe(gate) || pipe(ready))
        return 1;
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            return perror("fork"), 2;
        char byte = 0;
        if (child == 0) {
            in_child();
            close(gate[1]);
            if (at_once && (write(ready[1], &byte, 1) != 1 || read(gate[0], &byte, 1) != 0))
                _exit(3);
            _exit(0);
        }
        if (at_once && read(ready[0], &byte, 1) != 1)
            return 4;
        if (!at_once && wait(NULL) != child)
            return 5;
    }
    close(gate[1]);
    int bad = 0, status;
    while (wait(&status) > 0)
        bad += status != 0;
    printf("%d children, %d bad\n", count, bad);
    return 0;
}
