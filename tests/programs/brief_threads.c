/* A forked child that allocates in threads only, each of which ends at once. */
#include "ledger.h"
#include <sys/wait.h>

static void *allocate_briefly(void *unused) {
    malloc(1000);
    got_in("allocate_briefly", 1000);
    return NULL;
}

int main(void) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        for (int i = 0; i < 300; i++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, allocate_briefly, NULL) || pthread_join(thread, NULL))
                exit(1);
        }
        print_ledger();
        exit(0);
    }
    return waitpid(child, &status, 0) != child || status != 0;
}
