//! What `heaptrace check` says of what it measured: findings in words.

use std::path::Path;

use heaptrace_channel::config::RateText;
use heaptrace_report::cost::{Metric, Site};
use heaptrace_report::to_width;

use super::numbers::plural;
use crate::check::{Amount, Finding, Outcome, Scope, Suppressed, Verdict};

/// What a budget is called.
pub fn name(finding: &Finding) -> String {
    let metric = metric(finding.budget.metric);
    match (&finding.budget.scope, &finding.stack) {
        (Scope::Total, _) => metric.to_owned(),
        (Scope::Function(name), _) => format!("{metric} of function {name}"),
        (Scope::EachStack, Some(stack)) => format!("{metric} of stack {stack}"),
        (Scope::EachStack, None) => format!("{metric} of each stack"),
    }
}

/// A metric as the file of budgets calls it.
pub fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Peak => "peak",
        Metric::Allocs => "allocs",
        Metric::Bytes => "bytes",
        Metric::Leaked => "leaked",
    }
}

/// An outcome in a word.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Over => "over",
        Outcome::Undecided => "undecided",
        Outcome::Within => "within",
    }
}

/// What was measured against what is allowed.
pub fn finding(finding: &Finding) -> String {
    let amount = |value| finding.amount(value).to_string();
    let value = match finding.is_exact() {
        true => amount(finding.value),
        false => format!("{} ({} to {})", amount(finding.value), amount(finding.low), amount(finding.high)),
    };
    let against = match finding.base {
        Some(base) => {
            format!("{value} of {} allowed (the baseline has {})", amount(finding.limit), amount(base))
        }
        None if finding.budget.is_forbidden => format!("{value}, none allowed"),
        None => format!("{value} of {} allowed", amount(finding.limit)),
    };
    match (finding.outcome, finding.deciding_rate.map(RateText)) {
        (Outcome::Within, _) => against,
        (Outcome::Over, _) if finding.budget.is_forbidden => against,
        (Outcome::Over, _) => format!("{against}, {} too much", amount(finding.value - finding.limit)),
        (Outcome::Undecided, Some(rate)) => format!("{against}; --rate {rate} would decide it"),
        (Outcome::Undecided, None) => format!("{against}; samples were lost, so there may be more"),
    }
}

/// A stack by its functions, leaf first.
pub fn stack(functions: &[String]) -> String {
    const WIDTH: usize = 60;
    functions.iter().map(|name| to_width(name, Some(WIDTH))).collect::<Vec<_>>().join(" ← ")
}

/// Where code is.
pub fn site(site: &Site) -> String {
    const WIDTH: usize = 60;
    let (function, file) = (to_width(&site.function, Some(WIDTH)), from_here(&site.file));
    match (file.is_empty(), site.line) {
        (true, _) => function,
        (_, 0) => format!("{function} in {file}"),
        _ => format!("{function} at {file}:{}", site.line),
    }
}

/// The name of a file, as seen from the working directory if it is below that.
pub fn from_here(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let below = Path::new(file).strip_prefix(&here).ok().filter(|below| !below.as_os_str().is_empty());
    below.map_or_else(|| file.to_owned(), |below| below.display().to_string())
}

/// The verdict in a line.
pub fn verdict(verdict: &Verdict) -> String {
    let of = |outcome| verdict.count(outcome) as u64;
    let undecided = match of(Outcome::Undecided) {
        0 => String::new(),
        count => format!("{count} undecided, "),
    };
    format!(
        "{} over, {undecided}{} within",
        plural(of(Outcome::Over), "budget", "budgets"),
        of(Outcome::Within)
    )
}

/// A suppression that did nothing.
pub fn idle(known: &Suppressed) -> String {
    let origin = known.origin.as_deref().unwrap_or_default();
    match known.is_expired {
        true => format!("{origin}: {} has expired, and suppresses nothing any more", known.text),
        false => format!("{origin}: {} matches nothing that is in use at the end; remove it", known.text),
    }
}

/// What was not counted.
pub fn kept(verdict: &Verdict) -> Option<String> {
    let amount = Amount { value: verdict.kept, is_bytes: true };
    (verdict.kept > 0).then(|| format!("not counted as leaked: {amount} of runtimes and suppressions"))
}

/// That there are more findings than are shown.
pub fn more(count: usize) -> String {
    format!("{count} more over budget or undecided")
}

/// That the program failed, so that its cost says nothing.
pub fn program_failed(status: u8) -> String {
    format!("the program failed with status {status}, so it was not judged")
}

/// Whether a budget noticed what was added.
pub fn self_test(what: &str, noticed_by: Option<&str>) -> String {
    match noticed_by {
        Some(budget) => format!("{what} was added, and is over budget: {budget}"),
        None => format!("{what} was added, and no budget notices it: the gate would stay open"),
    }
}

/// That budgets were rewritten.
pub fn rewritten(path: &Path, limits: usize) -> String {
    format!("{}: {} as measured", path.display(), plural(limits as u64, "limit", "limits"))
}

/// Why the limits of a new file are what they are.
pub fn how_measured(rate: Option<u64>, is_exact: bool) -> String {
    match rate.map(RateText) {
        Some(_) if is_exact => "of every allocation".to_owned(),
        Some(rate) => format!("at rate {rate}: the upper ends of 95% intervals"),
        None => "from a profile".to_owned(),
    }
}

/// What a limit is on, as a comment beside it.
pub fn explained(metric: Metric) -> &'static str {
    match metric {
        Metric::Peak => "most bytes in use at one time",
        Metric::Allocs => "number of allocations",
        Metric::Bytes => "bytes allocated in all",
        Metric::Leaked => "bytes in use at the end",
    }
}
