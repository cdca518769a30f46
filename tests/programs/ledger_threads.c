// flags: -pthread
/* Four threads allocate and four others free what they get from them. */
#include "ledger.h"

enum { PAIRS = 4, BLOCKS = 20000, QUEUE = 64 };

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *blocks[QUEUE];
    long sizes[QUEUE];
    int first, count, closed;
};

static struct queue queues[PAIRS];

static void push(struct queue *queue, void *block, long size) {
    pthread_mutex_lock(&queue->lock);
    while (queue->count == QUEUE)
        pthread_cond_wait(&queue->changed, &queue->lock);
    int at = (queue->first + queue->count++) % QUEUE;
    queue->blocks[at] = block;
    queue->sizes[at] = size;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static void *pop(struct queue *queue, long *size) {
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed)
        pthread_cond_wait(&queue->changed, &queue->lock);
    void *block = NULL;
    if (queue->count > 0) {
        block = queue->blocks[queue->first];
        *size = queue->sizes[queue->first];
        queue->first = (queue->first + 1) % QUEUE;
        queue->count--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return block;
}

NOINLINE void *allocate(void *argument) {
    struct queue *queue = argument;
    for (int i = 0; i < BLOCKS; i++) {
        long size = 1 + i % 1000;
        void *block = malloc(size);
        got(size);
        push(queue, block, size);
    }
    pthread_mutex_lock(&queue->lock);
    queue->closed = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

NOINLINE void grow(void *block, long size) {
    free(realloc(block, size));
    got(size);
    gave(size);
}

NOINLINE void *release(void *argument) {
    struct queue *queue = argument;
    long size;
    void *block;
    for (int i = 0; (block = pop(queue, &size)); i++) {
        if (i % 7 == 0)
            continue; /* kept for good */
        if (i % 7 == 1)
            grow(block, 2 * size);
        else
            free(block);
        gave_in("allocate", size);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[2 * PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_init(&queues[i].lock, NULL);
        pthread_cond_init(&queues[i].changed, NULL);
        pthread_create(&threads[2 * i], NULL, allocate, &queues[i]);
        pthread_create(&threads[2 * i + 1], NULL, release, &queues[i]);
    }
    for (int i = 0; i < 2 * PAIRS; i++)
        pthread_join(threads[i], NULL);
    print_ledger();
    return 0;
}
