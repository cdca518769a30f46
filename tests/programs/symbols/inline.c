// C: inlined calls two and three deep, static and public functions, a loop, a tail of cold code.
#include "inline.h"

#include <stdio.h>
#include <string.h>

struct node {
    struct node *next;
    char *name;
};

static struct node *push(struct node *list, const char *name) {
    struct node *node = take(sizeof *node);
    node->name = take_text(strlen(name));
    strcpy(node->name, name);
    node->next = list;
    return node;
}

__attribute__((noinline)) struct node *read_names(int count, char **names) {
    struct node *list = NULL;
    for (int i = 0; i < count; i++)
        list = push(list, names[i]);
    return list;
}

static __attribute__((noinline)) size_t total(const struct node *list) {
    size_t sum = 0;
    for (; list; list = list->next) {
        if (__builtin_expect(!list->name, 0)) {
            fprintf(stderr, "a node without name\n");
            abort();
        }
        sum += strlen(list->name);
    }
    return sum;
}

#ifdef OTHER
char *greeting(int count); // in other.c
#else
static char *greeting(int count) {
    return take_text(count);
}
#endif

int main(int argc, char **argv) {
    puts(greeting(argc));
    struct node *list = read_names(argc, argv);
    printf("%zu\n", total(list));
    return 0;
}
