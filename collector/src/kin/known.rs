//! The descendants of a process, and what they have executed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hashbrown::HashMap;
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::process_events::ProcEvent;
use crate::summary::{MOST_NAMED, Missed, WhyMissed};

/// Announced programs in a row after which most of what is executed is taken to be announced.
const MANY: u32 = 16;

/// When most programs are announced, those are looked at that are not for so long.
pub const LATE: Duration = Duration::from_millis(20);

/// A program that a process has gone on to.
#[derive(Debug)]
pub struct Exec {
    /// Of the process.
    pub pid: u32,
    /// When, by the monotonic clock.
    at: Duration,
    /// Empty if the process was over before it could be looked at.
    executable: PathBuf,
    /// The library is in its environment, or that cannot be read.
    preloaded: bool,
    announced: bool,
}

impl Exec {
    /// One that nobody has looked at.
    fn unseen(pid: u32, at: Duration) -> Exec {
        Exec { pid, at, executable: PathBuf::new(), preloaded: true, announced: false }
    }

    /// Looks at a process that has just executed a program.
    fn of(pid: u32, at: Duration) -> Exec {
        const LIBRARY: &[u8] = b"libheaptrace";
        let process = PathBuf::from(format!("/proc/{pid}"));
        let executable = fs::read_link(process.join("exe")).unwrap_or_default();
        let environment = fs::read(process.join("environ"));
        let is_ours = |entry: &[u8]| {
            entry.starts_with(b"LD_PRELOAD=") && entry.windows(LIBRARY.len()).any(|part| part == LIBRARY)
        };
        let preloaded = environment.map_or(true, |all| all.split(|&byte| byte == 0).any(is_ours));
        Exec { executable, preloaded, ..Exec::unseen(pid, at) }
    }

    /// What is told of it if nobody announces it.
    pub fn missed(&self) -> Missed {
        let Exec { pid, executable, preloaded, .. } = self;
        let why = WhyMissed::Silent { executable: executable.clone().into(), preloaded: *preloaded };
        Missed::one(*pid, executable.file_name().unwrap_or_default().to_owned(), why)
    }
}

/// The monotonic clock, by which the kernel tells when.
pub fn now() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    Duration::new(tv_sec as u64, tv_nsec as u32)
}

/// What is known of them.
#[derive(Debug, Default)]
pub struct Known {
    /// Whose descendants they are.
    root: u32,
    /// Its children, of which one is the program.
    first: Vec<u32>,
    /// Those that live, with what they executed last.
    processes: HashMap<u32, Option<Exec>>,
    /// What was executed last by processes that have ended, and is not announced.
    over: Vec<Exec>,
    /// The same of those that ended so long ago that they will not be announced any more, but for the first.
    pub missed: Vec<Missed>,
    /// There were more events than the socket had room for.
    pub has_gaps: bool,
    /// One of them has forked, other than the first.
    pub has_forked: bool,
    /// How many programs were announced since the last one that was not.
    announced: u32,
    /// What was executed since by whom, and when, and was not looked at.
    unseen: Vec<(u32, Duration)>,
}

impl Known {
    /// Nothing yet of the descendants of the process `root`.
    pub fn of(root: u32) -> Known {
        Known { root, processes: HashMap::from([(root, None)]), ..Known::default() }
    }

    /// Is what is executed as good as always announced? Then it need not be looked at at once, for which the kernel
    /// would wake us each time.
    pub fn is_calm(&self) -> bool {
        self.announced >= MANY && !self.has_gaps
    }

    /// Are there programs that are to be looked at if they are not announced?
    pub fn has_unseen(&self) -> bool {
        !self.unseen.is_empty()
    }

    /// A process has announced a program that began to be recorded then, by the monotonic clock.
    pub fn announce(&mut self, pid: u32, started: Duration) {
        // What it executed since is another matter.
        let is_it = |exec: &Exec| exec.pid == pid && exec.at <= started;
        let silent = self.over.len();
        self.over.retain(|exec| !is_it(exec));
        self.announced += (silent - self.over.len()) as u32;
        if let Some(Some(exec)) = self.processes.get_mut(&pid)
            && is_it(exec)
        {
            self.announced += u32::from(!exec.announced);
            exec.announced = true;
        }
    }

    /// Looks at what was not looked at and should have been announced by now.
    pub fn look_at_late(&mut self) {
        let now = now();
        let is_late = |&mut (_, at): &mut (u32, Duration)| now.saturating_sub(at) >= LATE;
        for (pid, at) in self.unseen.extract_if(.., is_late) {
            let is_it = |exec: &Exec| exec.pid == pid && exec.at == at && !exec.announced;
            match self.processes.get_mut(&pid) {
                Some(Some(exec)) if is_it(exec) => *exec = Exec::of(pid, at),
                _ if self.over.iter().any(is_it) => {}
                _ => continue,
            }
            self.announced = 0;
        }
    }

    /// Takes in what the kernel has told.
    pub fn learn(&mut self, event: Option<ProcEvent>) {
        match event {
            Some(ProcEvent::Fork { parent, child }) if self.processes.contains_key(&parent) => {
                self.processes.insert(child, None);
                self.first.extend((parent == self.root).then_some(child));
                self.has_forked |= parent != self.root;
            }
            Some(ProcEvent::Exec { pid, at }) => {
                let is_calm = self.is_calm();
                let Some(exec) = self.processes.get_mut(&pid) else { return };
                *exec = Some(if is_calm { Exec::unseen(pid, at) } else { Exec::of(pid, at) });
                self.unseen.extend(is_calm.then_some((pid, at)));
            }
            Some(ProcEvent::Exit { pid }) => {
                let exec = self.processes.remove(&pid).flatten();
                self.over.extend(exec.filter(|exec| !exec.announced));
                self.settle();
            }
            Some(ProcEvent::Fork { .. }) | None => {}
        }
    }

    /// Counts most of those that are over, if there are many, instead of keeping each.
    fn settle(&mut self) {
        if self.over.len() < 2 * MOST_NAMED {
            return;
        }
        let late = self.over.split_off(MOST_NAMED);
        for exec in std::mem::replace(&mut self.over, late) {
            match self.first.contains(&exec.pid) {
                true => self.over.push(exec),
                false => exec.missed().add_to(&mut self.missed),
            }
        }
    }

    /// What was executed last, at least so long ago by those that live, and is not announced.
    pub fn silent(&self, age: Duration) -> impl Iterator<Item = &Exec> {
        let now = now();
        let living = self.processes.values().flatten();
        let living = living.filter(move |exec| !exec.announced && now.saturating_sub(exec.at) >= age);
        self.over.iter().chain(living)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_thousands_that_are_over_a_bounded_number_is_kept_and_the_program() {
        const ROOT: u32 = 1;
        const PROGRAM: u32 = 2;
        const OTHERS: u32 = 10_000;
        let mut known = Known::of(ROOT);
        known.learn(Some(ProcEvent::Fork { parent: ROOT, child: PROGRAM }));
        for child in PROGRAM + 1..=PROGRAM + OTHERS {
            known.learn(Some(ProcEvent::Fork { parent: PROGRAM, child }));
        }
        for pid in PROGRAM..=PROGRAM + OTHERS {
            let exec = Exec { executable: "/bin/static".into(), ..Exec::unseen(pid, Duration::ZERO) };
            known.processes.insert(pid, Some(exec));
            known.learn(Some(ProcEvent::Exit { pid }));
        }
        assert!(known.over.len() < 2 * MOST_NAMED && known.missed.len() <= MOST_NAMED);
        assert!(known.silent(Duration::ZERO).any(|exec| exec.pid == PROGRAM));
        let missed = known.missed.iter().map(|missed| missed.count).sum::<u64>();
        assert_eq!(missed + known.over.len() as u64, 1 + u64::from(OTHERS));
    }

    /// Executes a program in this process, which the kernel is said to have told.
    fn execute(known: &mut Known, at: Duration) -> &Exec {
        let own = std::process::id();
        known.processes.entry(own).or_default();
        known.learn(Some(ProcEvent::Exec { pid: own, at }));
        known.processes[&own].as_ref().unwrap()
    }

    #[test]
    fn where_all_is_announced_only_who_is_late_is_looked_at_and_then_the_next_at_once_again() {
        let (own, is_seen) = (std::process::id(), |exec: &Exec| !exec.executable.as_os_str().is_empty());
        let mut known = Known::of(1);
        for _ in 0..MANY {
            assert!(is_seen(execute(&mut known, now())), "most may be silent");
            known.announce(own, now());
        }
        let announced = |known: &mut Known, at| {
            assert!(!is_seen(execute(known, at)) && known.has_unseen());
            known.announce(own, now());
            known.look_at_late();
            assert!(!is_seen(known.processes[&own].as_ref().unwrap()) && known.is_calm());
        };
        announced(&mut known, now() - 2 * LATE);
        assert!(!known.has_unseen());
        let late = now() - 2 * LATE;
        execute(&mut known, late);
        known.look_at_late();
        assert!(!known.is_calm() && known.silent(LATE).all(|exec| is_seen(exec) && exec.at == late));
        assert!(is_seen(execute(&mut known, now())));
    }

    #[test]
    fn who_is_over_without_a_word_is_noticed_too() {
        let own = std::process::id();
        let mut known = Known { announced: MANY, ..Known::of(1) };
        execute(&mut known, now() - 2 * LATE);
        known.learn(Some(ProcEvent::Exit { pid: own }));
        known.look_at_late();
        assert!(!known.is_calm() && known.silent(LATE).any(|exec| exec.pid == own));
    }
}
