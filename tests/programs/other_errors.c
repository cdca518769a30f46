/* Opens the file "data" as its standard error, says "ready", waits for the file "go", and exits. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    void *volatile block = malloc(100);
    close(2);
    if (open("data", O_RDWR | O_CREAT, 0600) != 2)
        return 1;
    puts("ready");
    fflush(stdout);
    while (access("go", F_OK) != 0)
        usleep(10000);
    return block ? 6 : 1;
}
