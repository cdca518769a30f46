"""stress-ng: each stressor by itself for two seconds. Those that fill the machine's memory are not here."""

import re

NEEDS = ["stress-ng:stress-ng"]
QUICK = ["malloc", "fork", "vfork", "clone", "mmapfork", "signest", "sigsegv", "pthread", "exec", "context"]
OTHERS = """
    aio alarm atomic bad-altstack brk chdir close cyclic daemon dnotify env eventfd exit-group fault fifo
    forkheavy full futex get getrandom handle hrtimers hsearch inotify itimer key kill list locka loadavg
    madvise membarrier memfd memthrash mincore misaligned mlock mlockmany mmap mmapaddr mmapfixed mmapmany
    mprotect mq mremap msg msync msyncmany munmap mutex nanosleep null pagemove pidfd pipe pipeherd poll
    procfs pthread race-sched radixsort remap resched rmap schedpolicy seccomp sem sem-sysv session set
    shellsort shm shm-sysv sigabrt sigchld sigfd sigfpe sigio signal sigpending sigpipe sigq sigrt
    sigsuspend sigtrap skiplist sleep spawn stack stackmmap switch sysinfo tee timer timerfd tlb-shootdown
    tree tsearch userfaultfd vforkmany vm vm-addr vm-rw vm-segv vm-splice wait watchdog yield zero zlib
    zombie""".split()


def parts():
    return QUICK + [stressor for stressor in OTHERS if stressor not in QUICK]


def run(way, part):
    status, output = way.run(["stress-ng", f"--{part}", "2", "--timeout", "2", "--verify"])
    complaints = re.findall(r"^stress-ng: (?:fail|error): *\[\d+\] (.*)", output, re.M)
    return {part: "; ".join([f"exit status {status}", *(re.sub(r"\d+", "N", line) for line in complaints)])}
