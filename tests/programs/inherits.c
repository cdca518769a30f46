/* Tells what it inherited, line by line. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

int main(void) {
    char open_descriptors[64] = "";
    for (int fd = 0; fd < 16; fd++)
        open_descriptors[fd] = fcntl(fd, F_GETFD) < 0 ? '-' : 'o';
    printf("descriptors %s\n", open_descriptors);
    printf("session %d, group %d\n", getsid(0), getpgrp());
    sigset_t blocked, pending;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    sigpending(&pending);
    for (int signal = 1; signal < 65; signal++) {
        struct sigaction action;
        if (signal == 32 || signal == 33 || sigaction(signal, NULL, &action) < 0)
            continue;
        printf("signal %d %s%s%s\n", signal,
                action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : "handled",
                sigismember(&blocked, signal) == 1 ? " blocked" : "", sigismember(&pending, signal) == 1 ? " pending" : "");
    }
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;
        getrlimit(resource, &limit);
        printf("limit %d %ld %ld\n", resource, (long)limit.rlim_cur, (long)limit.rlim_max);
    }
    for (int which = 0; which < 3; which++) {
        struct itimerval timer;
        getitimer(which, &timer);
        printf("timer %d %s every %ld\n", which, timer.it_value.tv_sec || timer.it_value.tv_usec ? "runs" : "off",
                (long)timer.it_interval.tv_sec);
    }
    printf("nice %d, policy %d\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
    mode_t mask = umask(0);
    printf("umask %o\n", mask);
    char text[100] = "";
    FILE *score = fopen("/proc/self/oom_score_adj", "r");
    if (score && fgets(text, sizeof text, score))
        printf("oom_score_adj %s", text);
    printf("folder %s\n", getcwd(text, sizeof text));
    return 0;
}
