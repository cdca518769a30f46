/* Closes every descriptor as daemons do, opens files under the numbers, and allocates on. */
#define _GNU_SOURCE
#include "ledger.h"
#include <fcntl.h>
#include <unistd.h>

NOINLINE void after_closing(void) {
    for (int i = 0; i < 1000; i++) {
        void *block = malloc(64);
        got(64);
        if (i % 4) {
            free(block);
            gave(64);
        }
    }
}

int main(void) {
    if (close_range(3, ~0U, 0) != 0)
        closefrom(3);
    /* Every number up to 63 is a file of ours, whose content must stay. */
    int fd = open("content", O_RDWR | O_CREAT, 0600);
    if (write(fd, "content", 7) != 7)
        return 1;
    while (fd < 63)
        fd = dup(fd);
    after_closing();
    char content[16] = "";
    if (pread(63, content, sizeof content, 0) != 7 || strcmp(content, "content") != 0)
        return 2;
    print_ledger();
    return 0;
}
