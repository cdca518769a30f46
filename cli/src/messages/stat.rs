//! What `heaptrace stat` says, beside its numbers.

use std::ffi::OsStr;
use std::path::Path;

use heaptrace_collector::counting::Counted;
use heaptrace_collector::summary::Missed;

use super::numbers::plural;
use super::unrecorded::{self, Work, obstacle, refusal};
use crate::run::Obstacle;

/// Who was not counted, and why; what is known of the program itself leaves it out.
pub fn not_counted(
    counted: &Counted,
    program: &str,
    known: Option<&Obstacle>,
    obstacle_of: impl Fn(&Path) -> Option<Obstacle>,
) -> Vec<String> {
    let mut lines: Vec<_> = known.iter().map(|why| obstacle(program.as_ref(), why, Work::Count)).collect();
    lines.extend(counted.refused.iter().map(|process| refusal(process, Work::Count)));
    let missed = counted.missed.iter().filter(|missed| known.is_none() || !is_named(missed, program));
    let missed: Vec<_> = missed.cloned().collect();
    lines.extend(unrecorded::missed(&missed, obstacle_of, Work::Count));
    if counted.missed_more {
        lines.push("more processes than these may not have been counted: too many started at once".into());
    }
    if counted.running > 0 {
        let running = plural(counted.running as u64, "process still runs", "processes still run");
        lines.push(format!("{running}: what they did up to now is counted"));
    }
    lines
}

fn is_named(missed: &Missed, program: &str) -> bool {
    Path::new(program).file_name() == Some(&missed.name)
}

/// What `heaptrace stat` says of two programs that were compared.
pub fn comparison(differences: usize, exact: usize, runs: (usize, usize)) -> String {
    let differ = match differences {
        0 => "no difference".to_owned(),
        _ => format!("{} differ", plural(differences as u64, "number", "numbers")),
    };
    match runs {
        (1, _) | (_, 1) => "one run of each tells nothing for sure; add --runs 10".to_owned(),
        (before, after) => format!(
            "{differ}, of {before} and {after} runs; {exact} exact (equal in all runs), the others by \
             Mann-Whitney with Holm's correction, 5% in all"
        ),
    }
}

/// What is before the stacks behind a number.
pub fn stacks(number: &str) -> String {
    format!("{number} differ here (each program ran once more, with every call recorded):")
}

/// That not all stacks are named.
pub fn more_stacks(count: usize) -> String {
    format!("and {}", plural(count as u64, "more stack", "more stacks"))
}

/// Why the stacks that differ are not named.
pub fn no_stacks(why: &anyhow::Error) -> String {
    format!("the stacks that differ cannot be named: {why:#}")
}

/// That a program left no profile.
pub fn not_recorded(program: &OsStr) -> String {
    format!("there is no profile of {}", program.display())
}

/// Only a program can be run once more.
pub const BASELINE_HAS_NO_STACKS: &str =
    "to name the stacks that differ takes both programs; compare with --vs PROGRAM";
