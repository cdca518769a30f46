//! A verdict for people.

use heaptrace_pprof::printable;

use crate::check::verdict::{Outcome, Verdict};
use crate::messages::verdict as words;

/// Most findings that are shown of those that are not within.
const LIMIT: usize = 20;

/// The lines.
pub fn lines(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    let bad = verdict.bad().count();
    let within = verdict.findings.iter().skip(bad);
    for finding in verdict.bad().take(LIMIT).chain(within) {
        let (outcome, name) = (words::outcome(finding.outcome), words::name(finding));
        lines.push(format!("{outcome:<9}  {name}: {}", words::finding(finding)));
        for (site, value) in finding.sites.iter().filter(|_| finding.stack.is_none()) {
            lines.push(format!("{:>22}  {}", finding.amount(*value), words::site(site)));
        }
        if let Some((site, _)) = finding.sites.first().filter(|_| finding.stack.is_some()) {
            lines.push(format!("{:>22}  {}", "", words::site(site)));
        }
        let reason = finding.budget.reason.iter().filter(|_| finding.outcome != Outcome::Within);
        lines.extend(reason.map(|reason| format!("{:>22}  {}", "", printable(reason))));
    }
    if bad > LIMIT {
        lines.push(words::more(bad - LIMIT));
    }
    lines.extend(verdict.idle().map(words::idle));
    lines.extend(words::kept(verdict));
    lines.push(words::verdict(verdict));
    lines
}
