/* Does what it is told, a line at a time, and says so: keep COUNT SIZE, churn COUNT SIZE, drop, fork. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *kept[1 << 20];
static int kept_count;

static void keep(int count, size_t size) {
    for (int i = 0; i < count; i++) kept[kept_count++] = malloc(size);
}

static void churn(int count, size_t size) {
    for (int i = 0; i < count; i++) free(malloc(size));
}

static void drop(void) {
    while (kept_count > 0) free(kept[--kept_count]);
}

/* Reads without a buffer from malloc, so that a child does not read what is its parent's. */
static int read_line(char *line, int size) {
    int length = 0;
    while (length < size - 1 && read(0, line + length, 1) == 1)
        if (line[length++] == '\n') break;
    line[length] = 0;
    return length;
}

static void say(const char *text) {
    write(1, text, strlen(text));
}

int main(void) {
    char line[256], reply[64];
    while (read_line(line, sizeof line) > 0) {
        int count;
        size_t size;
        if (sscanf(line, "keep %d %zu", &count, &size) == 2) keep(count, size);
        else if (sscanf(line, "churn %d %zu", &count, &size) == 2) churn(count, size);
        else if (!strncmp(line, "drop", 4)) drop();
        else if (!strncmp(line, "fork", 4)) {
            int pid = fork();
            if (pid == 0) {
                keep(10, 77);
                snprintf(reply, sizeof reply, "%d\n", getpid());
                say(reply);
                for (;;) pause();
            }
            continue; /* the child answers */
        } else if (!strncmp(line, "quit", 4)) {
            break;
        }
        snprintf(reply, sizeof reply, "done\n");
        say(reply);
    }
    return 0;
}
