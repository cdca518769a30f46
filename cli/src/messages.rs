//! What heaptrace says on standard error about a run.

use std::fmt::Write;

use heaptrace_collector::Sought;
use heaptrace_collector::recording::Counters;
use heaptrace_collector::session::{Malloc, Summary, Written};
use heaptrace_collector::symbolize::{Located, hex};

/// Fewer samples than this say little about a program.
const FEW_SAMPLES: u64 = 100;

/// Begins a line that is said even when the summary is not wanted.
pub const IMPORTANT: char = '!';

/// Begins a line about how to see more of the program.
pub const ADVICE: char = '?';

/// Begins a line about how far the collector has come, which is no part of the summary: the next
/// one takes its place.
pub const PROGRESS: char = '\r';

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

/// The summary of a session, line by line, without the prefix.
pub fn summary(summary: &Summary) -> String {
    let mut text = String::new();
    for written in &summary.profiles {
        describe(&mut text, written);
    }
    for (pid, name, why) in &summary.refused {
        line(&mut text, &format!("{name} (pid {pid}) could not be profiled: {}", why.reason()));
    }
    summary.complaints.iter().for_each(|complaint| line(&mut text, complaint));
    totals(&mut text, summary);
    if let Some(program) =
        summary.profiles.iter().find(|written| written.is_program && written.error.is_none())
    {
        advise(&mut text, program);
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string");
}

fn describe(text: &mut String, written: &Written) {
    let Written { path, pid, counters, error, .. } = written;
    let name = written.name.display();
    match error {
        None => line(text, &format!("{}: {name} (pid {pid}), {}", path.display(), samples(counters.samples))),
        Some(error) => {
            line(text, &format!("{IMPORTANT}the profile of {name} (pid {pid}) could not be written: {error}"))
        }
    }
    if counters.lost_samples > 0 {
        line(
            text,
            &format!(
                "{IMPORTANT}{} of {name} were lost: the collector could not keep up",
                samples(counters.lost_samples)
            ),
        );
    }
    if counters.is_damaged {
        line(
            text,
            &format!("{IMPORTANT}{name} (pid {pid}) wrote over what was recorded of it, which may be wrong"),
        );
    }
}

fn totals(text: &mut String, summary: &Summary) {
    let taken: u64 = summary.profiles.iter().map(|written| written.counters.samples).sum();
    let lost: u64 = summary.profiles.iter().map(|written| written.counters.lost_samples).sum();
    let lost = if lost == 0 { "none lost".into() } else { format!("{lost} lost") };
    let processes = plural(summary.processes as u64, "process", "processes");
    line(text, &format!("{processes}, {}, {lost}", samples(taken)));
    if summary.running > 0 {
        let running = plural(summary.running as u64, "process still runs", "processes still run");
        line(text, &format!("{running}: each gets its profile when it ends"));
    }
}

/// What to do next.
fn advise(text: &mut String, program: &Written) {
    let Counters { samples: count, .. } = &program.counters;
    let name = program.name.display();
    let own =
        "an allocator of its own, which cannot be seen from outside; build it to use the system's malloc";
    match program.malloc {
        Malloc::Own if *count == 0 => line(text, &format!("{ADVICE}{name} has {own}")),
        Malloc::NeverCalled => {
            line(text, &format!("{ADVICE}{name} never called malloc; if it does allocate, it has {own}"))
        }
        _ if *count < FEW_SAMPLES && program.rate > 1 => {
            let rate = suggested_rate(program);
            line(
                text,
                &format!(
                    "{ADVICE}only {}; to see more, sample more often: heaptrace run --rate {rate} …",
                    samples(*count)
                ),
            );
        }
        _ => {}
    }
    line(text, &format!("next: heaptrace report {}", program.path.display()));
}

/// A rate at which there would be some hundreds of samples.
fn suggested_rate(program: &Written) -> String {
    const WANTED: u64 = 400;
    let rate = program.rate * program.counters.samples / WANTED;
    match rate {
        0..1024 => "1".into(),
        _ => format!("{}KiB", (rate / 1024).next_power_of_two()),
    }
}

fn samples(count: u64) -> String {
    plural(count, "sample", "samples")
}

/// A count with thousands separated, and the noun for it.
fn plural(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if count == 1 { one } else { many })
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
            error: None,
        }
    }

    fn said(written: Written) -> String {
        summary(&Summary { profiles: vec![written], processes: 1, ..Default::default() })
    }

    #[test]
    fn a_good_run_names_the_file_the_counts_and_the_next_command() {
        assert_eq!(
            said(written(12345, Malloc::Hooked)),
            "out.prof: prog (pid 7), 12,345 samples\n1 process, 12,345 samples, none lost\nnext: heaptrace report out.prof\n"
        );
    }

    #[test]
    fn few_samples_suggest_a_rate() {
        assert!(said(written(3, Malloc::Hooked)).contains("--rate 4KiB"));
        assert!(said(written(0, Malloc::Hooked)).contains("--rate 1 "));
    }

    #[test]
    fn an_own_malloc_is_explained() {
        assert!(said(written(0, Malloc::Own)).contains("allocator of its own"));
    }
}
