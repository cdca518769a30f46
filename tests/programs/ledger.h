/* A program's own account of its memory, to hold a profile against.
 *
 * Each function that allocates calls `got` and `gave` for its blocks. A realloc gives the old block
 * and gets a new one. The account's peak is when the sum of what it has in use is the largest. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUNCTIONS = 64 };

struct account {
    const char *function;
    long alloc_objects, alloc_space, inuse_objects, inuse_space, peak_objects, peak_space;
};

static struct account accounts[FUNCTIONS];
static long in_use, peak;
static pthread_mutex_t accounts_lock = PTHREAD_MUTEX_INITIALIZER;

#define NOINLINE __attribute__((noinline, noclone))

static struct account *account_of(const char *function) {
    struct account *account = accounts;
    while (account->function && strcmp(account->function, function) != 0)
        account++;
    account->function = function;
    return account;
}

static void got_in(const char *function, long size) {
    pthread_mutex_lock(&accounts_lock);
    struct account *account = account_of(function);
    account->alloc_objects++;
    account->alloc_space += size;
    account->inuse_objects++;
    account->inuse_space += size;
    in_use += size;
    if (in_use > peak) {
        peak = in_use;
        for (account = accounts; account->function; account++) {
            account->peak_objects = account->inuse_objects;
            account->peak_space = account->inuse_space;
        }
    }
    pthread_mutex_unlock(&accounts_lock);
}

static void gave_in(const char *function, long size) {
    pthread_mutex_lock(&accounts_lock);
    struct account *account = account_of(function);
    account->inuse_objects--;
    account->inuse_space -= size;
    in_use -= size;
    pthread_mutex_unlock(&accounts_lock);
}

#define got(size) got_in(__func__, size)
#define gave(size) gave_in(__func__, size)

/* Allocates nothing. */
static void print_line(const char *function, const char *index, long value) {
    char line[256];
    int length = snprintf(line, sizeof line, "%s %s %ld\n", function, index, value);
    if (write(1, line, length) != length)
        _exit(99);
}

static void print_ledger(void) {
    for (struct account *a = accounts; a->function; a++) {
        print_line(a->function, "alloc_objects", a->alloc_objects);
        print_line(a->function, "alloc_space", a->alloc_space);
        print_line(a->function, "inuse_objects", a->inuse_objects);
        print_line(a->function, "inuse_space", a->inuse_space);
        print_line(a->function, "peak_objects", a->peak_objects);
        print_line(a->function, "peak_space", a->peak_space);
    }
}
