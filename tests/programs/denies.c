/* `denies ERROR CALL… -- PROGRAM…`: runs a program that is told ERROR by the system calls of those numbers. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sock_filter filter[3 + 64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    int calls = 0, at = 2;
    while (at + calls < argc && strcmp(argv[at + calls], "--") != 0)
        calls++;
    if (calls > 64 || at + calls + 1 >= argc)
        return 2;
    for (int i = 0; i < calls; i++)
        filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(argv[at + i]), calls - i, 0);
    filter[1 + calls] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[2 + calls] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(argv[1]));
    struct sock_fprog program = {3 + calls, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 77;
    execvp(argv[at + calls + 1], argv + at + calls + 1);
    return 127;
}
