//! What heaptrace says on standard error about a run: every fact in words, and nowhere else.

pub mod budgets;
pub mod stat;
pub mod verdict;

use std::ffi::OsStr;
use std::fmt::Display;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use heaptrace_channel::config::RateText;
use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::processes::MAX_PROCESSES;
use heaptrace_channel::weight::{FEW_SAMPLES, OFF, finer_rate};
use heaptrace_collector::recording::Counters;
use heaptrace_collector::summary::{
    Malloc, Memory, Missed, OtherProfiles, OtherSeries, Outcome, Refused, Series, Summary, TurnedAway,
    Unpatched, WhyMissed, WhyUnpatched, Written,
};
use heaptrace_collector::symbolize::{Complaint, Located, Progress, hex};
use heaptrace_collector::{LeftAlone, Sought, Unsafe};
use heaptrace_http::Address;
use heaptrace_push::Pushed;
use heaptrace_report::{grouped, label};

use crate::control::Stage;
use crate::run::{NoSummary, Obstacle};

/// A line, and when it is said.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Even when no summary is wanted.
    Important(String),
    /// As part of the summary.
    Plain(String),
    /// As part of the summary, unless it is known what stands in the way of seeing more.
    Advice(String),
}

const OWN_MALLOC: &str = "an allocator of its own that has no symbols by which it could be seen; keep its symbols, \
     install its debug file, or build it to use the system's malloc";

const INSIDE: &str = "the numbers leave out what the allocator inside it hands out by names of its own; \
     heaptrace run records that";

/// A resident set that is not worth a word: what any program has.
const SMALL: u64 = 32 << 20;

/// The summary of a session, line by line, with what was pushed if anything was to be. `obstacle` tells
/// what stands in the way of recording an executable.
pub fn summary(
    summary: &Summary,
    pushed: Option<&Pushed>,
    obstacle: impl Fn(&Path) -> Option<Obstacle>,
) -> Vec<Line> {
    let Summary { profiles, refused, turned_away, complaints, .. } = summary;
    let mut lines = Vec::new();
    profiles.iter().for_each(|written| describe(&mut lines, written));
    other_profiles(&mut lines, &summary.other_profiles);
    summary.series.iter().for_each(|series| self::series(&mut lines, series));
    other_series(&mut lines, &summary.other_series);
    pushed.into_iter().for_each(|pushed| self::pushed(&mut lines, pushed));
    lines.extend(refused.iter().map(|process| Line::Plain(refusal(process, Work::Profile))));
    if summary.other_refused > 0 {
        let processes = plural(summary.other_refused, "more process", "more processes");
        lines.push(Line::Plain(format!("{processes} could not be profiled for such reasons")));
    }
    lines.extend(missed(&summary.missed, obstacle, Work::Profile).into_iter().map(Line::Plain));
    if summary.missed_more {
        lines.push(Line::Plain(
            "more processes than these may not have been profiled: too many started at once".into(),
        ));
    }
    lines.extend(summary.unpatched.iter().map(|program| Line::Plain(unpatched(program))));
    lines.extend(turned_away.iter().map(|children| Line::Plain(too_many(children))));
    lines.extend(complaints.iter().map(|what| Line::Plain(complaint(what))));
    totals(&mut lines, summary);
    let program = profiles.iter().find(|written| written.is_program);
    if let Some(program) = program.filter(|written| !matches!(written.outcome, Outcome::Failed(_))) {
        lines.extend(advice(program).map(Line::Advice));
        if program.outcome == Outcome::File {
            lines.push(Line::Plain(next(&program.path)));
        }
    }
    lines
}

fn describe(lines: &mut Vec<Line>, written: &Written) {
    let Written { path, name, pid, counters, outcome, memory, .. } = written;
    let (path, name) = (path.display(), name.display());
    lines.push(match outcome {
        Outcome::Failed(_) => Line::Important(not_written(written)),
        Outcome::File | Outcome::Stream => {
            let memory = if memory.most_resident > 0 { format!(", {}", used(memory)) } else { String::new() };
            Line::Plain(format!("{path}: {name} (pid {pid}), {}{memory}", samples(counters.samples)))
        }
    });
    lost(lines, counters, &name);
    if counters.is_damaged {
        let what = "wrote over what was recorded of it, which may be wrong";
        lines.push(Line::Important(format!("{name} (pid {pid}) {what}")));
    }
}

/// The profiles of processes that are too many to be named.
fn other_profiles(lines: &mut Vec<Line>, others: &OtherProfiles) {
    let OtherProfiles { count, counters, failed, why } = others;
    if count > failed {
        let profiles = plural(count - failed, "more profile", "more profiles");
        lines.push(Line::Plain(format!("{profiles} beside these, {}", samples(counters.samples))));
    }
    if *failed > 0 {
        let profiles = plural(*failed, "more profile", "more profiles");
        lines.push(Line::Important(format!("{profiles} could not be written, the last: {why}")));
    }
    lost(lines, counters, &"other processes");
    if counters.is_damaged {
        let what = "one of the other processes wrote over what was recorded of it, which may be wrong";
        lines.push(Line::Important(what.to_owned()));
    }
}

/// Samples that are in no profile, and why not.
fn lost(lines: &mut Vec<Line>, counters: &Counters, name: &dyn Display) {
    let Counters { lost_samples, early_samples, unplaced_samples, .. } = *counters;
    let mut lost = |count, why| {
        if count > 0 {
            lines.push(Line::Important(format!("{} of {name} were lost: {why}", samples(count))));
        }
    };
    lost(early_samples, "they came before recording could begin");
    lost(unplaced_samples, "there was no memory for them; look at ulimit -v and ulimit -d");
    let untold = lost_samples.saturating_sub(early_samples).saturating_sub(unplaced_samples);
    lost(untold, "the collector could not keep up");
}

/// The profiles of a process that were written while it went on.
fn series(lines: &mut Vec<Line>, series: &Series) {
    let Series { name, pid, first, last, count, .. } = series;
    let (name, first, last) = (name.display(), first.display(), last.display());
    match count {
        0 => {}
        1 => lines.push(Line::Plain(format!("{first}: {name} (pid {pid}), while it went on"))),
        _ => lines.push(Line::Plain(format!(
            "{first} to {last}: {name} (pid {pid}), {} while it went on",
            plural(*count, "profile", "profiles")
        ))),
    }
    lines.extend(no_snapshot(series).map(Line::Important));
}

/// The same of processes that are too many to be named.
fn other_series(lines: &mut Vec<Line>, others: &OtherSeries) {
    let OtherSeries { processes, count, failed } = others;
    if *count > 0 {
        let profiles = plural(*count, "more profile", "more profiles");
        let processes = plural(*processes, "other process", "other processes");
        lines.push(Line::Plain(format!("{profiles} of {processes} while they went on")));
    }
    let line = |why| format!("profiles of other processes could not be written while they went on: {why}");
    lines.extend(failed.iter().map(|why| Line::Important(line(why))));
}

/// That a profile could not be written of a process that goes on.
pub fn no_snapshot(series: &Series) -> Option<String> {
    let Series { name, pid, failed, .. } = series;
    let why = failed.as_ref()?;
    Some(format!("a profile of {} (pid {pid}) could not be written while it went on: {why}", name.display()))
}

/// What was sent, and what was not.
fn pushed(lines: &mut Vec<Line>, pushed: &Pushed) {
    let Pushed { to, sent, lost, waiting, why, .. } = pushed;
    if *sent > 0 {
        lines.push(Line::Plain(format!("pushed {} to {to}", plural(*sent, "profile", "profiles"))));
    }
    let unsent = lost + waiting;
    if unsent > 0 {
        let why = why.as_deref().unwrap_or("there was no time");
        let profiles = plural(unsent, "profile", "profiles");
        lines.push(Line::Important(format!("{profiles} could not be pushed to {to}: {why}")));
    }
}

/// That a profile could not be sent, the first time.
pub fn cannot_push(pushed: &Pushed) -> String {
    let Pushed { to, why, waiting, .. } = pushed;
    let again = if *waiting > 0 { "; it will be tried again" } else { "" };
    format!("a profile could not be pushed to {to}: {}{again}", why.as_deref().unwrap_or_default())
}

/// Where a browser and other clients find the program's profiles.
pub fn serving(url: &str) -> String {
    match url.strip_prefix("unix:") {
        Some(path) => format!("serving the viewer at / and /debug/pprof/ at the socket {path}"),
        None => format!("serving the viewer at {url}/ and {url}/debug/pprof/"),
    }
}

/// That clients cannot be served there.
pub fn cannot_listen(address: &Address) -> String {
    format!("cannot serve at {address}")
}

/// That clients cannot be served there, with the reason.
pub fn cannot_serve(address: &Address, why: &io::Error) -> String {
    format!("{}: {why}", cannot_listen(address))
}

/// What an interval must be like.
pub const BAD_INTERVAL: &str = "use a number with a unit, from 100ms to a year, such as 10s or 5m";

/// That a variable's value is not understood.
pub fn bad_variable(name: &str, why: &anyhow::Error) -> String {
    format!("{name}: {why}; it is as if it were not set")
}

/// That a process is not profiled, to whoever commands.
pub fn not_profiled(pid: u32) -> String {
    format!("process {pid} is not being profiled by this user; heaptrace ps lists who is")
}

/// That no process is profiled.
pub const NOTHING_PROFILED: &str =
    "no process of this user is being profiled; heaptrace run -- PROGRAM starts one that is";

/// That one of these processes has to be named.
pub fn name_one(pids: &[u32]) -> String {
    let known: Vec<_> = pids.iter().map(u32::to_string).collect();
    format!(
        "several processes are being profiled: name one of {}; heaptrace ps says what they are",
        known.join(", ")
    )
}

/// The same, to a client of a session.
pub fn not_profiled_here(pid: Option<u32>, pids: &[u32]) -> String {
    let known: Vec<_> = pids.iter().map(u32::to_string).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    match pid {
        Some(pid) => format!("process {pid} is not being profiled here; these are: {known}"),
        None => "no process is being profiled yet, or any more".to_owned(),
    }
}

/// That a text is no process id.
pub fn no_such_pid(text: &str) -> String {
    format!("{text:?} is no process id")
}

/// Why there are no other profiles than of the heap, and how to stop asking.
pub fn heap_profiles_only(name: &str) -> String {
    let alloy = match name {
        "profile" => "profile.process_cpu",
        _ => &format!("profile.{name}"),
    };
    let parca = if name == "profile" { "process_cpu" } else { name };
    format!(
        "no {name} profile: heaptrace records memory only. To stop asking for it, in Grafana Alloy's \
         pyroscope.scrape:\n  profiling_config {{ {alloy} {{ enabled = false }} }}\nin Parca's scrape_configs:\n  \
         profiling_config: {{ pprof_config: {{ {parca}: {{ enabled: false }} }} }}"
    )
}

/// That there is no such mark.
pub fn no_mark(pid: u32, name: &str, marks: &[Arc<str>]) -> String {
    const SHOWN: usize = 10;
    let known = match marks.split_at(marks.len().saturating_sub(SHOWN)) {
        ([], []) => format!("it has none; set one with heaptrace mark {pid} {name}"),
        ([], all) => format!("it has {}", all.join(", ")),
        (earlier, latest) => format!("its latest are {}; {} are older", latest.join(", "), earlier.len()),
    };
    format!("process {pid} has no mark {name}: {known}")
}

/// What a mark's name must be like.
pub const BAD_MARK: &str = "a mark's name has 1 to 256 bytes and no control characters";

/// What a rate must be like.
pub const BAD_RATE: &str = "use a number of bytes from 1 to 1TiB, such as 64KiB or 1";

/// What it must be like where there may be none.
pub const BAD_RATE_OR_OFF: &str = "use a number of bytes from 1 to 1TiB, such as 64KiB or 1, or off";

/// That the rate cannot be changed any more.
pub const RATE_STAYS: &str =
    "its rate was changed too often: which sample was drawn at which could not be told any more";

/// To a client, when the session does not answer.
pub const SESSION_BUSY: &str = "the session has no time, or has just ended";

/// To whoever commands, when there is no whole answer.
pub const NO_ANSWER: &str = "the session did not answer; it may have just ended";

/// To whoever commands, when nobody listens any more.
pub const SESSION_OVER: &str = "the session has just ended; its profiles are where they were to be written";

/// That a profile cannot be written where it is wanted.
pub fn cannot_write_here(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// That a profile was written of a process that goes on.
pub fn snapshot_written(path: &Path, name: &OsStr, pid: u32) -> String {
    format!("{}: {} (pid {pid})", path.display(), name.display())
}

/// The next command to type.
pub fn next(path: &Path) -> String {
    format!("next: heaptrace report {}", path.display())
}

/// How much memory a process had: that the heap is only a part of it is seen at once.
fn used(memory: &Memory) -> String {
    let Memory { most_in_use, resident, most_resident } = *memory;
    let end = if resident > 0 { format!(", {} at the end", bytes(resident)) } else { String::new() };
    format!("heap at most {}, resident set at most {}{end}", bytes(most_in_use), bytes(most_resident))
}

fn bytes(count: u64) -> String {
    label(i64::try_from(count).unwrap_or(i64::MAX), "bytes", "auto")
}

/// That the profile could not be written, before there is one.
pub fn cannot_write(path: &Path, why: &io::Error) -> String {
    format!("cannot write the profile {}: {why}", path.display())
}

/// That there is no profile of a process, as it could not be written.
pub fn not_written(written: &Written) -> String {
    let Written { path, name, pid, outcome, .. } = written;
    let (path, name) = (path.display(), name.display());
    let why = if let Outcome::Failed(why) = outcome { why } else { "" };
    format!("the profile of {name} (pid {pid}) could not be written: {path}: {why}")
}

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

fn refusal(process: &Refused, work: Work) -> String {
    let Refused { pid, name, why } = process;
    format!("{name} (pid {pid}) {}: {}", work.not_done(), why.reason())
}

/// Those who were not recorded and have not said why, all of one program and reason in one line.
fn missed(all: &[Missed], obstacle: impl Fn(&Path) -> Option<Obstacle>, work: Work) -> Vec<String> {
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
fn unpatched(program: &Unpatched) -> String {
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

fn too_many(children: &TurnedAway) -> String {
    let TurnedAway { name, count } = children;
    let count = plural((*count).into(), "process", "processes");
    format!("{count} of {} could not be profiled: more than {MAX_PROCESSES} ran at once", name.display())
}

/// Why some names could not be looked up.
pub fn complaint(what: &Complaint) -> String {
    match what {
        Complaint::Server { url, why } => format!("no more debug files from {url}: {why}"),
        Complaint::Fault(path) => {
            format!(
                "names of {} are missing: reading it met a fault of heaptrace's, please report it",
                path.display()
            )
        }
        Complaint::TooSlow => "no more debug files: the servers of DEBUGINFOD_URLS take too long".to_owned(),
    }
}

fn totals(lines: &mut Vec<Line>, summary: &Summary) {
    let mut all = summary.other_profiles.counters;
    summary.profiles.iter().for_each(|written| all += written.counters);
    let Counters { samples: taken, lost_samples: lost, .. } = all;
    let lost = if lost == 0 { "none lost".into() } else { format!("{} lost", grouped(lost)) };
    let processes = plural(summary.processes as u64, "process", "processes");
    lines.push(Line::Plain(format!("{processes}, {}, {lost}", samples(taken))));
    if summary.running > 0 {
        let running = plural(summary.running as u64, "process still runs", "processes still run");
        lines.push(Line::Plain(format!("{running}: each gets its profile when it ends")));
    }
}

/// How to see more of the program.
fn advice(program: &Written) -> Option<String> {
    let Written { name, rate, counters: Counters { samples: count, .. }, memory, .. } = program;
    let name = name.display();
    if *rate == OFF {
        return (*count == 0).then(|| {
            format!("no samples: {name} was dormant; heaptrace rate PID 64KiB wakes it while it runs")
        });
    }
    let finer = finer_rate(*rate, *count).map(RateText);
    // Where the resident set is so much larger than what malloc was asked for, more samples do not tell of it.
    let is_elsewhere = memory.most_resident > SMALL && memory.most_resident / 4 > memory.most_in_use;
    let elsewhere = || {
        let resident = bytes(memory.most_resident);
        format!(
            "its resident set of {resident} is memory that it maps by itself (mmap), or that of {OWN_MALLOC}"
        )
    };
    match (program.malloc, count, finer) {
        (Malloc::Unseen, ..) => None,
        (Malloc::Own, 0, _) => Some(format!("{name} has {OWN_MALLOC}")),
        (Malloc::NeverCalled, ..) if is_elsewhere => {
            Some(format!("{name} never called malloc: {}", elsewhere()))
        }
        (Malloc::NeverCalled, ..) => {
            Some(format!("{name} never called malloc; if it does allocate, it has {OWN_MALLOC}"))
        }
        (_, 0, _) if is_elsewhere => Some(format!(
            "no samples: {name} allocated hardly {} with malloc; {}",
            RateText(*rate),
            elsewhere()
        )),
        (_, 0, Some(_)) => {
            let or = if memory.most_resident == 0 { format!(", or has {OWN_MALLOC}") } else { String::new() };
            let rate = RateText(*rate);
            Some(format!(
                "no samples: {name} allocated hardly {rate} with malloc{or}. To see every call: heaptrace run --rate 1 …"
            ))
        }
        (_, 1..FEW_SAMPLES, _) if is_elsewhere => {
            Some(format!("only {}, as {name} allocated little with malloc; {}", samples(*count), elsewhere()))
        }
        (_, 1..FEW_SAMPLES, Some(finer)) => Some(format!(
            "only {}; to see more, sample more often: heaptrace run --rate {finer} …",
            samples(*count)
        )),
        _ => None,
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

/// Why there is no summary.
pub fn no_summary(why: &NoSummary) -> String {
    match why {
        NoSummary::Interrupted => "the profile will be there when its names have been looked up".to_owned(),
        NoSummary::Failed(why) => {
            format!("there is no profile: the collector could not start: {why}; look at ulimit -u -n -v")
        }
        NoSummary::Ended(status) => format!("there is no profile: the collector {}", ended(*status)),
    }
}

fn ended(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.signal(), status.code())) {
        Some((Some(signal), _)) => format!("was ended by signal {signal}"),
        Some((_, Some(code))) => format!("ended with status {code}"),
        _ => "has ended".to_owned(),
    }
}

/// Whether a module was found that `heaptrace symbolize` looked for; nothing of what the kernel maps.
pub fn sought(module: &Sought) -> Option<String> {
    let path = module.path.display();
    let id = hex(&module.build_id);
    Some(match &module.located {
        Located::At(found) if *found == module.path => format!("{path}: found"),
        Located::At(found) => format!("{path}: found at {}", found.display()),
        // [vdso], [heap] and the like are no files.
        _ if module.path.as_os_str().as_encoded_bytes().starts_with(b"[") => return None,
        Located::OtherBuild { path: other, build_id } if build_id.is_empty() => {
            format!("{path}: not found; {} is another build: it has no build id, not {id}", other.display())
        }
        Located::OtherBuild { path: other, build_id } => {
            let other = other.display();
            format!("{path}: not found; {other} has another build id, {} instead of {id}", hex(build_id))
        }
        Located::Nowhere if id.is_empty() => {
            format!("{path}: not found; --debug-dir names a folder that has it")
        }
        Located::Nowhere => {
            format!(
                "{path}: not found; --debug-dir names a folder that has it or its debug file, build id {id}"
            )
        }
    })
}

/// What is waited for at the end.
pub fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Names(progress) => self::progress(progress),
        Stage::Push(to) => format!("pushing to {to}"),
    }
}

/// How far looking names up has come.
pub fn progress(progress: &Progress) -> String {
    let Progress { done, asked, server } = progress;
    let server = server.as_ref().map(|server| format!(", waiting for {server}")).unwrap_or_default();
    let [done, asked] = [done, asked].map(|&count| grouped(count as u64));
    format!("looking up names: {done} of {asked} addresses{server}")
}

fn samples(count: u64) -> String {
    plural(count, "sample", "samples")
}

/// A count and the noun for it.
fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(samples: u64, malloc: Malloc) -> Written {
        Written {
            path: "out.prof".into(),
            name: "prog".into(),
            pid: 7,
            is_program: true,
            counters: Counters { samples, ..Default::default() },
            rate: 512 * 1024,
            malloc,
            memory: Memory::default(),
            outcome: Outcome::File,
        }
    }

    fn said(written: Written) -> Vec<Line> {
        summary(&Summary { profiles: vec![written], processes: 1, ..Default::default() }, None, |_| None)
    }

    /// The line of advice, if there is one.
    fn advised(written: Written) -> String {
        let advice = |line| match line {
            Line::Advice(text) => Some(text),
            _ => None,
        };
        said(written).into_iter().find_map(advice).unwrap_or_default()
    }

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
    fn a_resident_set_that_the_heap_does_not_explain_is_explained() {
        let of = |samples, malloc, most_in_use| {
            let memory = Memory { most_in_use, resident: 900 << 20, most_resident: 1 << 30 };
            Written { memory, ..written(samples, malloc) }
        };
        let is_said =
            |written| advised(written).contains("its resident set of 1GB is memory that it maps by itself");
        for (samples, malloc) in [(0, Malloc::NeverCalled), (0, Malloc::Hooked), (50, Malloc::Hooked)] {
            assert!(is_said(of(samples, malloc, 1 << 20)), "{samples} {malloc:?}");
        }
        assert!(advised(of(50, Malloc::Hooked, 900 << 20)).contains("sample more often"));
        let Line::Plain(line) = &said(of(50, Malloc::Hooked, 300 << 20))[0] else { panic!() };
        assert!(
            line.ends_with(", 50 samples, heap at most 300MB, resident set at most 1GB, 900MB at the end")
        );
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

    #[test]
    fn children_that_were_too_many_are_counted_and_named() {
        let turned_away = vec![TurnedAway { name: "prog".into(), count: 1200 }];
        let lines = summary(&Summary { turned_away, ..Default::default() }, None, |_| None);
        let text = "1,200 processes of prog could not be profiled: more than 4096 ran at once";
        assert!(lines.contains(&Line::Plain(text.into())), "{lines:?}");
    }

    #[test]
    fn a_good_run_names_the_file_the_counts_and_the_next_command() {
        assert_eq!(
            said(written(12345, Malloc::Hooked)),
            [
                "out.prof: prog (pid 7), 12,345 samples",
                "1 process, 12,345 samples, none lost",
                "next: heaptrace report out.prof"
            ]
            .map(|line| Line::Plain(line.into()))
        );
    }

    #[test]
    fn profiles_that_are_too_many_to_be_named_are_counted_and_what_they_lost_is_said() {
        let mut other_profiles = OtherProfiles::default();
        let lost = Counters { samples: 5, lost_samples: 2, ..Counters::default() };
        for _ in 0..3000 {
            other_profiles.add(&Written { counters: lost, ..written(5, Malloc::Hooked) });
        }
        let failed = Outcome::Failed("full".into());
        other_profiles.add(&Written { outcome: failed, ..written(0, Malloc::Hooked) });
        let profiles = vec![written(500, Malloc::Hooked)];
        let summary = Summary { profiles, other_profiles, processes: 3002, ..Summary::default() };
        assert_eq!(
            super::summary(&summary, None, |_| None),
            [
                Line::Plain("out.prof: prog (pid 7), 500 samples".into()),
                Line::Plain("3,000 more profiles beside these, 15,000 samples".into()),
                Line::Important("1 more profile could not be written, the last: out.prof: full".into()),
                Line::Important(
                    "6,000 samples of other processes were lost: the collector could not keep up".into()
                ),
                Line::Plain("3,002 processes, 15,500 samples, 6,000 lost".into()),
                Line::Plain("next: heaptrace report out.prof".into()),
            ]
        );
    }

    #[test]
    fn few_samples_suggest_a_rate_and_none_do_not() {
        assert!(advised(written(3, Malloc::Hooked)).contains("more often: heaptrace run --rate 1KiB "));
        assert!(advised(written(50, Malloc::Hooked)).contains("more often: heaptrace run --rate 16KiB "));
        let none = advised(written(0, Malloc::Hooked));
        assert!(none.contains("allocator of its own") && !none.contains("often"), "{none}");
        assert_eq!(advised(Written { rate: 1, ..written(3, Malloc::Hooked) }), "");
        assert_eq!(advised(written(100, Malloc::Hooked)), "");
    }

    #[test]
    fn an_own_malloc_is_explained() {
        assert!(advised(written(0, Malloc::Own)).contains("allocator of its own"));
    }

    #[test]
    fn what_cannot_be_read_again_is_not_read_next() {
        let through = Written { outcome: Outcome::Stream, ..written(500, Malloc::Hooked) };
        assert_eq!(said(through).len(), 2);
        let failed = Written { outcome: Outcome::Failed("full".into()), ..written(500, Malloc::Hooked) };
        let line = "the profile of prog (pid 7) could not be written: out.prof: full";
        assert_eq!(said(failed)[0], Line::Important(line.into()));
    }
}
