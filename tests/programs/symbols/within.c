// C: functions within others, as gcc allows, two deep, one of them with an inlined call.
#include "inline.h"

#include <stdio.h>

__attribute__((noinline)) int sum(int count, int step) {
    int total = 0;
    __attribute__((noinline)) void add(int number) {
        __attribute__((noinline)) int scaled(void) {
            free(take(number));
            return number * step;
        }
        total += scaled();
    }
    for (int i = 0; i < count; i++)
        add(i);
    return total;
}

int main(int count, char **words) {
    printf("%d %s\n", sum(count, 3), words[0]);
}
