/* A timer's handler allocates where it interrupts the library that the kernel maps, the vDSO. */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static uintptr_t start, end;
static volatile sig_atomic_t hits;

/* main allocates nothing meanwhile, so malloc is not interrupted. */
void in_handler(int signal, siginfo_t *info, void *context) {
    uintptr_t at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (start <= at && at < end) {
        free(malloc(33));
        hits++;
    }
    (void)signal, (void)info;
}

int main(void) {
    start = getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)start;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(start + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD)
            end = start + segments[i].p_vaddr + segments[i].p_memsz;
    struct sigaction action = {.sa_sigaction = in_handler, .sa_flags = SA_RESTART | SA_SIGINFO};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 500}, {0, 500}};
    setitimer(ITIMER_REAL, &timer, NULL);
    struct timespec now;
    while (hits < 50)
        clock_gettime(CLOCK_MONOTONIC, &now);
    timer = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    return 0;
}
