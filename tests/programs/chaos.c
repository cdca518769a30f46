// flags: -pthread -ldl
/* Does at random what programs do to their heap and to themselves: allocates in every way, in threads and
 * signal handlers, loads and unloads plugins, leaves functions by longjmp, forks, and executes itself. Each
 * process keeps its ledger and leaves it in the file PID.IMAGE.ledger, before it exits, is killed, or goes on
 * to its next image. Arguments: a seed, the number of the image, and two plugins. */
#define _GNU_SOURCE
#include "ledger.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

enum { SITES = 6, BLOCKS = 64, STEPS = 400, THREADS = 3, GENERATIONS = 3, IMAGES = 3 };

struct block {
    void *at;
    long size;
    const char *function;
};

/* One thread's own. */
struct actor {
    unsigned long random;
    struct block blocks[BLOCKS];
};

/* What is allocated is in the ledger as soon as nobody holds this for reading: a forked child begins with
 * the ledger of its parent. */
static pthread_rwlock_t steps = PTHREAD_RWLOCK_INITIALIZER;
static char **arguments;
static int generation;

static unsigned below(struct actor *actor, unsigned limit) {
    actor->random = actor->random * 6364136223846793005ul + 1442695040888963407ul;
    return (actor->random >> 33) % limit;
}

static void *checked(void *block) {
    if (!block)
        _exit(90);
    return block;
}

/* A realloc of `old` if there is one, else one of the other ways. */
static inline void *allocate(unsigned way, void *old, size_t size) {
    void *block = NULL;
    if (old)
        return checked(way % 2 ? realloc(old, size) : reallocarray(old, size, 1));
    switch (way % 8) {
    case 0: return checked(calloc(1, size));
    case 1: return checked(realloc(NULL, size));
    case 2: return checked(memalign(64, size));
    case 3: return checked(aligned_alloc(32, size));
    case 4: return posix_memalign(&block, 128, size) ? checked(NULL) : block;
    case 5: return checked(valloc(size));
    default: return checked(malloc(size));
    }
}

#define SITE(n)                                                            \
    NOINLINE void *site_##n(unsigned way, void *old, size_t size) {        \
        void *block = allocate(way, old, size);                            \
        __asm__ volatile("" : "+r"(block));                                \
        return block;                                                      \
    }
SITE(0) SITE(1) SITE(2) SITE(3) SITE(4) SITE(5)

static const struct {
    const char *name;
    void *(*call)(unsigned, void *, size_t);
} sites[SITES] = {{"site_0", site_0}, {"site_1", site_1}, {"site_2", site_2},
                  {"site_3", site_3}, {"site_4", site_4}, {"site_5", site_5}};

static struct block *any_block(struct actor *actor) {
    return &actor->blocks[below(actor, BLOCKS)];
}

static void give_back(struct block *block) {
    if (!block->at)
        return;
    free(block->at);
    gave_in(block->function, block->size);
    block->at = NULL;
}

/* Takes the place of whatever the block was: by realloc, or after a free. */
static void take(struct actor *actor, struct block *block) {
    unsigned site = below(actor, SITES), way = below(actor, 1000);
    long size = 1 + below(actor, below(actor, 8) ? 500 : 50000);
    struct block old = *block;
    if (old.at && way % 3) {
        give_back(block);
        old.at = NULL;
    }
    block->at = sites[site].call(way, old.at, size);
    if (old.at)
        gave_in(old.function, old.size);
    block->size = size;
    block->function = sites[site].name;
    got_in(block->function, size);
}

static void use_plugin(struct actor *actor) {
    static const char *const functions[] = {"allocate_first", "allocate_other"};
    unsigned which = below(actor, 2), count = 1 + below(actor, 5);
    void *library = dlopen(arguments[3 + which], RTLD_NOW);
    void *(*call)(size_t) = library ? (void *(*)(size_t))dlsym(library, functions[which]) : NULL;
    if (!call)
        _exit(91);
    while (count--) {
        struct block *block = any_block(actor);
        give_back(block);
        block->size = 1 + below(actor, 200);
        block->at = checked(call(block->size));
        block->function = functions[which];
        got_in(block->function, block->size);
    }
    dlclose(library);
}

static NOINLINE void jump_out(struct actor *actor, jmp_buf *out, int depth) {
    volatile char frame[64];
    frame[0] = 0;
    take(actor, any_block(actor));
    if (depth == 0)
        longjmp(*out, 1);
    jump_out(actor, out, depth - 1);
    frame[0]++;
}

static __thread struct actor *interrupted;

static void on_signal(int signal) {
    (void)signal;
    take(interrupted, any_block(interrupted));
}

/* The signal comes at once, and where no hook is at work. */
static void be_interrupted(struct actor *actor) {
    interrupted = actor;
    raise(SIGUSR1);
}

static void step(struct actor *actor) {
    unsigned what = below(actor, 100);
    jmp_buf out;
    if (what < 50)
        take(actor, any_block(actor));
    else if (what < 85)
        give_back(any_block(actor));
    else if (what < 90)
        use_plugin(actor);
    else if (what < 95)
        be_interrupted(actor);
    else if (setjmp(out) == 0)
        jump_out(actor, &out, 1 + below(actor, 30));
}

static void *act(void *argument) {
    for (int i = 0; i < STEPS; i++) {
        pthread_rwlock_rdlock(&steps);
        step(argument);
        pthread_rwlock_unlock(&steps);
    }
    return NULL;
}

static void leave_ledger(void) {
    char name[64];
    snprintf(name, sizeof name, "%d.%s.ledger", getpid(), arguments[2]);
    int kept = dup(1), file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, 1) != 1)
        _exit(97);
    print_ledger();
    dup2(kept, 1);
    close(kept);
    close(file);
}

/* A child begins with nothing allocated, and its parent's blocks in use. It is recorded from its first
 * allocation on, so that comes before its first free. */
static void begin_as_child(struct actor *actor, unsigned seed) {
    generation++;
    actor->random ^= seed * 0x9E3779B97F4A7C15ul;
    for (struct account *a = accounts; a->function; a++)
        a->alloc_objects = a->alloc_space = 0;
    void *first = site_0(7, NULL, 10);
    got_in("site_0", 10);
    (void)first;
}

/* Runs threads for a while, and forks meanwhile. */
static void live(struct actor *actor) {
    static struct actor others[THREADS];
    pthread_t threads[THREADS];
    unsigned count = below(actor, THREADS + 1), children = generation < GENERATIONS ? below(actor, 3) : 0;
    for (unsigned i = 0; i < count; i++) {
        others[i].random = actor->random + i;
        pthread_create(&threads[i], NULL, act, &others[i]);
    }
    for (unsigned child = 0; child <= children; child++) {
        for (int i = 0; i < STEPS / 4; i++) {
            pthread_rwlock_rdlock(&steps);
            step(actor);
            pthread_rwlock_unlock(&steps);
        }
        if (child == children)
            break;
        pthread_rwlock_wrlock(&steps);
        pid_t pid = fork();
        pthread_rwlock_t fresh = PTHREAD_RWLOCK_INITIALIZER;
        if (pid != 0) {
            pthread_rwlock_unlock(&steps);
            continue;
        }
        steps = fresh; // its other threads are gone
        memset(others, 0, sizeof others);
        begin_as_child(actor, child + 1);
        live(actor);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    int status;
    while (wait(&status) > 0)
        if (status != 0 && status != SIGKILL)
            _exit(96);
}

int main(int argc, char **argv) {
    static struct actor actor;
    (void)argc;
    arguments = argv;
    signal(SIGUSR1, on_signal);
    int image = atoi(argv[2]);
    actor.random = strtoul(argv[1], NULL, 10) * 7919 + image;
    live(&actor);
    leave_ledger();
    unsigned end = below(&actor, 4);
    if (end == 0 && image < IMAGES && generation < 2) {
        char seed[32], next[32];
        snprintf(seed, sizeof seed, "%u", below(&actor, 1u << 30));
        snprintf(next, sizeof next, "%d", image + 1);
        execl("/proc/self/exe", "chaos", seed, next, argv[3], argv[4], NULL);
        return 95;
    }
    if (end == 1)
        raise(SIGKILL);
    if (end == 2)
        _exit(0);
    return 0;
}
