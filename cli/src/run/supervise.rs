//! Standing in for the program: its signals, its stops, its end.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::time::{Duration, Instant};

use heaptrace_channel::stat::Stat;

use super::signals::Signals;
use super::stop;

/// How the program ended.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// What to exit with.
    pub status: u8,
    /// Its resident set at its peak, in bytes; 0 if that is not known.
    pub most_resident: u64,
    /// CPU time of it and of what it has waited for.
    pub cpu: Duration,
}

impl End {
    fn new(status: u8, usage: &libc::rusage) -> End {
        let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
        let cpu = time(usage.ru_utime) + time(usage.ru_stime);
        End { status, most_resident: most_resident(usage), cpu }
    }
}

/// Passes signals on until the program has ended. Waits for all other
/// children too, and tells `note_end` of them: the first process of a container has those of others.
pub fn supervise(signals: &Signals, program: u32, note_end: impl Fn(i32, ExitStatus)) -> End {
    /// Who continues a whole job continues the program and us at about the same time.
    const AT_ONCE: Duration = Duration::from_millis(100);
    let program = program as i32;
    let mut continued: Option<Instant> = None;
    loop {
        while let Some((child, status, usage)) = next_change() {
            match (status.code(), status.signal()) {
                _ if child != program => note_end(child, status),
                _ if status.continued() => continued = Some(Instant::now()),
                _ if status.stopped_signal().is_some() => stop::with(program),
                (Some(code), _) => return End::new(code as u8, &usage),
                (_, signal) => return End::new(128u8.wrapping_add(signal.unwrap_or(0) as u8), &usage),
            }
        }
        let info = signals.wait();
        let has_it = info.si_signo == libc::SIGCONT && continued.is_some_and(|at| at.elapsed() < AT_ONCE);
        if !has_it && is_for_program(&info, program) {
            pass_on(&info, program);
        }
    }
}

/// The next child that has ended, stopped or gone on, and what it has used.
fn next_change() -> Option<(i32, ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: an all-zero rusage is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let options = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
    // SAFETY: the kernel writes the status and the usage.
    let child = unsafe { libc::wait4(-1, &mut status, options, &mut usage) };
    (child > 0).then(|| (child, ExitStatus::from_raw(status), usage))
}

/// The largest resident set of a child. What it had before it executed its program is this process's own,
/// and says nothing.
fn most_resident(of_child: &libc::rusage) -> u64 {
    // SAFETY: an all-zero rusage is valid, and the kernel writes it.
    let own = unsafe {
        let mut own: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut own);
        own.ru_maxrss
    };
    let most = of_child.ru_maxrss;
    if most > own { u64::try_from(most).unwrap_or(0) * 1024 } else { 0 }
}

/// What a process sends us is meant for the program: si_code is not above 0. What the kernel sends goes
/// to the whole group, the program included, but for what it tells the leader of a session whose
/// terminal is gone. And what the program or its children send is meant for whoever started it, or
/// for their group.
fn is_for_program(info: &libc::siginfo_t, program: i32) -> bool {
    // SAFETY: takes nothing; and a signal of si_code 0 or below has a sender.
    let (leads_session, sender) = unsafe { (libc::getsid(0) == libc::getpid(), info.si_pid()) };
    match info.si_signo {
        ..=0 => false, // interrupted
        libc::SIGHUP | libc::SIGCONT if info.si_code > 0 => leads_session,
        _ => info.si_code <= 0 && !descends_from(sender, program),
    }
}

/// Is the process the program, or started by it or its children?
fn descends_from(process: i32, program: i32) -> bool {
    const GENERATIONS: usize = 64;
    let parent = |process: &i32| {
        let stat = std::fs::read(format!("/proc/{process}/stat")).ok()?;
        i32::try_from(Stat::parse(&stat)?.parent).ok()
    };
    std::iter::successors(Some(process), parent).take(GENERATIONS).any(|process| process == program)
}

/// Sends the program the same signal, with the value that a sigqueue(3) gave it.
fn pass_on(info: &libc::siginfo_t, program: i32) {
    let signal = info.si_signo;
    // SAFETY: signals a child that has not been waited for; the kernel reads the info.
    unsafe {
        match info.si_code {
            libc::SI_QUEUE => {
                libc::syscall(libc::SYS_rt_sigqueueinfo, program, signal, ptr::from_ref(info));
            }
            _ => {
                libc::kill(program, signal);
            }
        }
    }
}
