//! Who was not recorded, and why: of no use without a way out.

use std::ffi::OsStr;
use std::path::Path;

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::processes::MAX_PROCESSES;
use heaptrace_collector::summary::{Missed, Refused, TurnedAway, Unpatched, WhyMissed, WhyUnpatched};
use heaptrace_collector::{LeftAlone, Unsafe};

use super::numbers::plural;
use crate::run::Obstacle;

pub const OWN_MALLOC: &str = "an allocator of its own that has no symbols by which it could be seen; keep its symbols, \
     install its debug file, or build it to use the system's malloc";

const INSIDE: &str = "the numbers leave out what the allocator inside it hands out by names of its own; \
     heaptrace run records that";

/// What is done with a process, or could not be.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// By `heaptrace run`.
    Profile,
    /// By `heaptrace stat`.
    Count,
}

impl Work {
    fn not_done(self) -> &'static str {
        match self {
            Work::Profile => "could not be profiled",
            Work::Count => "could not be counted",
        }
    }
}

/// Why a program was not recorded, and a way out.
pub fn obstacle(program: &Path, obstacle: &Obstacle, work: Work) -> String {
    format!("{} {}: {}", program.display(), work.not_done(), reason(obstacle))
}

fn reason(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Static => {
            "it is statically linked, so no library can be preloaded; link it dynamically".to_owned()
        }
        Obstacle::Privileged => "it is setuid, setgid or has file capabilities, so the dynamic linker preloads nothing; run it as that user without them".to_owned(),
        Obstacle::OtherMachine => "it is not built for 64-bit x86; build it for that".to_owned(),
        Obstacle::OtherLibc(linker) => format!(
            "its C library is neither glibc nor musl (its dynamic linker is {}); build it for one of them",
            linker.display()
        ),
        Obstacle::Sanitizer => Refusal::Sanitizer.reason().to_owned(),
    }
}

pub fn refusal(process: &Refused, work: Work) -> String {
    let Refused { pid, name, why } = process;
    format!("{name} (pid {pid}) {}: {}", work.not_done(), why.reason())
}

/// Those who were not recorded and have not said why, all of one program and reason in one line.
pub fn missed(all: &[Missed], obstacle: impl Fn(&Path) -> Option<Obstacle>, work: Work) -> Vec<String> {
    // Each with the id of its first process, and how many there are.
    let mut groups: Vec<(&OsStr, String, u32, u64)> = Vec::new();
    for Missed { pid, count, name, why } in all {
        let is_partial = *why == WhyMissed::Inside;
        let why = match why {
            WhyMissed::Inside => INSIDE.to_owned(),
            WhyMissed::OwnMalloc => format!("it has {OWN_MALLOC}"),
            WhyMissed::Silent { executable, .. } if executable.is_empty() => {
                "it was over before it could be looked at, and had not loaded the library".to_owned()
            }
            WhyMissed::Silent { executable, preloaded } => match (obstacle(executable.as_ref()), preloaded) {
                (Some(obstacle), _) => reason(&obstacle),
                (None, false) => {
                    "it was started without LD_PRELOAD, as by env -i; keep that variable".to_owned()
                }
                (None, true) => {
                    "it did not reach the collector: a sandbox hides the library from it, or it may open no \
                     descriptors"
                        .to_owned()
                }
            },
        };
        let part = if is_partial { " in full" } else { "" };
        let why = format!("{}{part}: {why}", work.not_done());
        match groups.iter_mut().find(|group| group.0 == name && group.1 == why) {
            Some((.., all)) => *all += count,
            None => groups.push((name, why, *pid, *count)),
        }
    }
    let line = |(name, why, pid, count): (&OsStr, String, u32, u64)| {
        let name = if name.is_empty() { OsStr::new("a program") } else { name }.display();
        match count {
            1 => format!("{name} (pid {pid}) {why}"),
            _ => format!("{} of {name} {why}", plural(count, "process", "processes")),
        }
    };
    groups.into_iter().map(line).collect()
}

/// Why an allocator inside a program was not seen, or not all of it.
pub fn unpatched(program: &Unpatched) -> String {
    let Unpatched { name, pid, why } = program;
    let why = match why {
        WhyUnpatched::Changed => "its code in memory is not that of its file".to_owned(),
        WhyUnpatched::Forbidden => {
            "code may not be changed here, as with SELinux or MemoryDenyWriteExecute=; allow it, or build the \
             program to use the system's malloc"
                .to_owned()
        }
        WhyUnpatched::NoRoom => "there is no free memory near its code".to_owned(),
        WhyUnpatched::Threads => "the program has threads before its start".to_owned(),
        WhyUnpatched::Functions(left) => {
            let of = |left: &LeftAlone| format!("{} ({})", left.function, unsafe_to_patch(left.why));
            match left.iter().find(|left| left.is_vital) {
                Some(vital) => format!("it cannot be patched at {}", of(vital)),
                None => {
                    let functions = left.iter().map(of).collect::<Vec<_>>().join(", ");
                    return format!("what {} (pid {pid}) allocates by {functions} is not seen", name.display());
                }
            }
        }
    };
    format!("the allocator inside {} (pid {pid}) is not seen: {why}", name.display())
}

fn unsafe_to_patch(why: Unsafe) -> &'static str {
    match why {
        Unsafe::Short => "it is too short",
        Unsafe::JumpedInto => "something jumps into its first bytes",
        Unsafe::Calls => "it begins with a call",
        Unsafe::Unmovable => "its first instructions work in no other place",
        Unsafe::Ambiguous => "it has names that mean different things",
    }
}

pub fn too_many(children: &TurnedAway) -> String {
    let TurnedAway { name, count } = children;
    let count = plural((*count).into(), "process", "processes");
    format!("{count} of {} could not be profiled: more than {MAX_PROCESSES} ran at once", name.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_missed_is_named_with_the_reason_and_once_for_each_program() {
        let silent = |pid, path: &str, preloaded| {
            let why = WhyMissed::Silent { executable: path.into(), preloaded };
            Missed::one(pid, path.rsplit('/').next().unwrap().into(), why)
        };
        let own = Missed::one(5, "rustc".into(), WhyMissed::OwnMalloc);
        let all = [silent(1, "/a/x", true), silent(2, "/a/y", false), silent(3, "/a/x", true), own];
        let lines = missed(&all, |path| path.ends_with("x").then_some(Obstacle::Static), Work::Profile);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("2 processes of x could not be profiled: it is statically linked"));
        assert!(lines[1].starts_with("y (pid 2) could not be profiled: it was started without LD_PRELOAD"));
        assert!(lines[2].starts_with("rustc (pid 5) could not be profiled: it has an allocator of its own"));
    }

    #[test]
    fn an_allocator_that_could_not_be_patched_is_named_with_the_function() {
        let said = |left: &[(&str, Unsafe, bool)]| {
            let left = left.iter().map(|&(function, why, is_vital)| LeftAlone {
                function: function.into(),
                why,
                is_vital,
            });
            let why = WhyUnpatched::Functions(left.collect());
            unpatched(&Unpatched { name: "orders".into(), pid: 7, why })
        };
        let make = ("je_malloc", Unsafe::Short, false);
        assert_eq!(
            said(&[make, ("je_free", Unsafe::JumpedInto, true)]),
            "the allocator inside orders (pid 7) is not seen: it cannot be patched at je_free (something jumps into its first bytes)"
        );
        assert_eq!(said(&[make]), "what orders (pid 7) allocates by je_malloc (it is too short) is not seen");
    }
}
