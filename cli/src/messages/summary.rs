//! What a session has come to, line by line.

use std::fmt::Display;
use std::path::Path;

use heaptrace_collector::recording::Counters;
use heaptrace_collector::summary::{Memory, OtherProfiles, OtherSeries, Outcome, Series, Summary, Written};
use heaptrace_push::Pushed;
use heaptrace_report::grouped;

use super::advice::advice;
use super::collect::{no_snapshot, not_written};
use super::names::complaint;
use super::numbers::{bytes, plural, samples};
use super::unrecorded::{Work, missed, refusal, too_many, unpatched};
use crate::run::Obstacle;

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

/// The summary of a session, line by line, with what was pushed if anything was to be. `obstacle` tells
/// what stands in the way of recording an executable.
pub fn lines(
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

/// How much memory a process had: that the heap is only a part of it is seen at once.
fn used(memory: &Memory) -> String {
    let Memory { most_in_use, resident, most_resident } = *memory;
    let end = if resident > 0 { format!(", {} at the end", bytes(resident)) } else { String::new() };
    format!("heap at most {}, resident set at most {}{end}", bytes(most_in_use), bytes(most_resident))
}

/// The next command to type.
pub fn next(path: &Path) -> String {
    format!("next: heaptrace report {}", path.display())
}

#[cfg(test)]
mod tests {
    use heaptrace_collector::summary::{Malloc, TurnedAway};

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
        lines(&Summary { profiles: vec![written], processes: 1, ..Default::default() }, None, |_| None)
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
    fn children_that_were_too_many_are_counted_and_named() {
        let turned_away = vec![TurnedAway { name: "prog".into(), count: 1200 }];
        let lines = lines(&Summary { turned_away, ..Default::default() }, None, |_| None);
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
            lines(&summary, None, |_| None),
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
