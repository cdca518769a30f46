/* Serves requests: each churns, leaks as many blocks as its number says, in another thread, and marks its end. Then
 * does the same once more in a forked child, whose first words are a mark. */
#define _GNU_SOURCE
#include "../../preload/client/heaptrace.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static void *volatile kept;

NOINLINE static void leak(int count) {
    for (int i = 0; i < count; i++) kept = malloc(100);
}

NOINLINE static void *serve(void *number) {
    for (int i = 0; i < 1000; i++) free(kept = malloc(10 + i));
    leak((int)(long)number);
    return NULL;
}

static int is_marked(const char *what, int number) {
    char name[64];
    snprintf(name, sizeof name, "%s %d", what, number);
    errno = 77;
    int marked = heaptrace_mark_moment(name);
    return errno == 77 ? marked : -1;
}

static void serve_all(const char *what) {
    for (int i = 1; i <= 20; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve, (void *)(long)i);
        pthread_join(thread, NULL);
        is_marked(what, i);
    }
}

static void say(int marked, int pid) {
    char text[64], input;
    int length = snprintf(text, sizeof text, "%d %d\n", marked, pid);
    if (write(1, text, length) == length) read(0, &input, 1);
}

int main(void) {
    int marked = is_marked("start", 0);
    serve_all("request");
    say(marked, getpid());
    if (fork() == 0) {
        marked = is_marked("child", 0);
        serve_all("child");
        say(marked, getpid());
        _exit(0);
    }
    char name[300];
    memset(name, 'x', sizeof name - 1), name[sizeof name - 1] = 0;
    say(heaptrace_mark_moment(name) || heaptrace_mark_moment("") || heaptrace_mark_moment("two\nlines"), 0);
    return 0;
}
