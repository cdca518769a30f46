/* Looks for the auxiliary vector where the kernel puts it, behind the environment, as some do. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

extern char **environ;

int main(void) {
    free(malloc(10));
    char **end = environ;
    while (*end)
        end++;
    int right = 0, wrong = 0;
    for (Elf64_auxv_t *entry = (void *)(end + 1); entry->a_type != AT_NULL; entry++)
        *(entry->a_un.a_val == getauxval(entry->a_type) ? &right : &wrong) += 1;
    printf("%s, %d wrong\n", right > 10 ? "all there" : "few", wrong);
    return 0;
}
