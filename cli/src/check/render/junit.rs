//! A verdict as a test report in JUnit's XML, of which CI servers make a table: a test case a budget. One
//! that is over has failed; an undecided one is an error, as its test could not be carried out.

use std::fmt::Write;

use heaptrace_report::escaped;

use crate::check::verdict::{Finding, Outcome, Verdict};
use crate::messages::verdict as words;

/// The document.
pub fn text(verdict: &Verdict) -> String {
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        verdict.findings.len(),
        verdict.count(Outcome::Over),
        verdict.count(Outcome::Undecided)
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"heaptrace check\" {counts}>\n  \
         <testsuite name=\"{}\" {counts} skipped=\"0\" time=\"0\">\n",
        escaped(&verdict.path.display().to_string())
    );
    verdict.findings.iter().for_each(|finding| case(&mut out, finding));
    let notes: Vec<_> = verdict.idle().map(words::idle).chain(words::kept(verdict)).collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "    <system-out>{}</system-out>", escaped(&notes.join("\n")));
    }
    out + "  </testsuite>\n</testsuites>\n"
}

fn case(out: &mut String, finding: &Finding) {
    let name = words::name(finding);
    let name = escaped(&name);
    let case = format!("    <testcase classname=\"heaptrace\" name=\"{name}\" time=\"0\"");
    let (element, kind) = match finding.outcome {
        Outcome::Within => {
            let _ = writeln!(out, "{case}/>");
            return;
        }
        Outcome::Over => ("failure", "over"),
        Outcome::Undecided => ("error", "undecided"),
    };
    let sites = finding
        .sites
        .iter()
        .map(|(site, value)| format!("{}  {}", finding.amount(*value), words::site(site)));
    let lines: Vec<_> = finding.budget.reason.iter().cloned().chain(sites).collect();
    let _ = writeln!(
        out,
        "{case}>\n      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>\n    </testcase>",
        escaped(&words::finding(finding)),
        escaped(&lines.join("\n"))
    );
}
