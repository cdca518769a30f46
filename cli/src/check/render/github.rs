//! A verdict as annotations of GitHub's: commands in what a step prints. Of a kind and step only ten are
//! shown, so that there are at most ten, the worst, and the others are counted.

use std::path::Path;

use crate::check::verdict::{Finding, Outcome, Verdict};
use crate::messages::verdict as words;

/// Most annotations.
const LIMIT: usize = 10;

/// The commands, and a line that is none.
pub fn text(verdict: &Verdict) -> String {
    let mut lines: Vec<_> = verdict.bad().take(LIMIT).map(|finding| annotation(verdict, finding)).collect();
    let more = verdict.bad().count().saturating_sub(LIMIT);
    if more > 0 {
        lines.push(words::more(more));
    }
    let notes = verdict.idle().map(words::idle).chain(words::kept(verdict)).chain([words::verdict(verdict)]);
    // What is no command must not begin like one.
    lines.extend(notes.map(|note| message(&note).replacen("::", ": :", 1)));
    lines.join("\n") + "\n"
}

fn annotation(verdict: &Verdict, finding: &Finding) -> String {
    let kind = if finding.outcome == Outcome::Over { "error" } else { "warning" };
    let (file, line) = place(verdict, finding);
    let sites =
        finding.sites.iter().map(|(site, value)| format!("{} {}", finding.amount(*value), words::site(site)));
    let reason = finding.budget.reason.iter().cloned();
    let lines: Vec<_> = [words::finding(finding)].into_iter().chain(reason).chain(sites).collect();
    let title = format!("{} {}", words::name(finding), words::outcome(finding.outcome));
    let (file, title) = (property(&file), property(&title));
    format!("::{kind} file={file},line={line},title={title}::{}", message(&lines.join("\n")))
}

/// The line of code that costs most, if it is in the working directory, or else that of the budget.
fn place(verdict: &Verdict, finding: &Finding) -> (String, i64) {
    let of_code = finding.sites.iter().find_map(|(site, _)| {
        let file = words::from_here(&site.file);
        let is_here = Path::new(&file).is_relative() && site.line > 0 && Path::new(&file).is_file();
        is_here.then_some((file, site.line))
    });
    of_code.unwrap_or_else(|| (verdict.path.display().to_string(), finding.budget.line as i64))
}

/// Text as the message of a command.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as a property of a command.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
