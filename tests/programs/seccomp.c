/* Allows itself only what malloc and an exit need, and allocates on. What else is called ends it.
 * With an argument all this is done by a forked child: by one of glibc's, or one that it knows nothing of. */
#define _GNU_SOURCE
#include "ledger.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

NOINLINE void in_jail(void) {
    for (int i = 0; i < 30000; i++) {
        void *block = malloc(1 + i % 3000);
        got(1 + i % 3000);
        if (i % 5) {
            free(block);
            gave(1 + i % 3000);
        }
    }
}

#define ALLOW(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int is_child(const char *how) {
    pid_t child = strcmp(how, "fork") == 0 ? fork() : syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    int status;
    if (child == 0)
        return 1;
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(1);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && !is_child(argv[1]))
        return 0;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_brk),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_futex),
        ALLOW(SYS_rt_sigprocmask),
        ALLOW(SYS_write),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    free(malloc(1)); /* glibc's first malloc asks for random bits */
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 1;
    in_jail();
    print_ledger();
    _exit(0);
}
