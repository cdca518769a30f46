//! `heaptrace.toml`: what a program may cost.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use heaptrace_report::Pattern;
use heaptrace_report::cost::Metric;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::limits::{Bytes, Count};
use super::small_file;
use super::suppressions::{Expiry, Suppression};
use crate::check::amount::Limit;
use crate::messages::budgets as words;

/// The name of the file if nobody says otherwise.
pub const NAME: &str = "heaptrace.toml";

/// What a file says.
#[derive(Debug)]
pub struct Budgets {
    /// Where the file is.
    pub path: PathBuf,
    /// The profile that relative limits are of.
    pub baseline: Option<PathBuf>,
    /// The limits, in the order of the file.
    pub budgets: Vec<Budget>,
    /// What does not count as leaked.
    pub suppressions: Vec<Suppression>,
}

/// A limit on something.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Of what.
    pub scope: Scope,
    /// What is limited.
    pub metric: Metric,
    /// How much is allowed.
    pub limit: Limit,
    /// Whether none is allowed at all.
    pub is_forbidden: bool,
    /// The line of the file.
    pub line: usize,
    /// Why there is such a limit, in the file's words.
    pub reason: Option<String>,
}

/// What a limit is on.
#[derive(Clone, Debug)]
pub enum Scope {
    /// The whole program.
    Total,
    /// Every single stack.
    EachStack,
    /// Functions of these names, with all that they call.
    Function(Pattern),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    baseline: Option<PathBuf>,
    #[serde(default)]
    suppressions: Vec<PathBuf>,
    #[serde(default)]
    total: Limits,
    #[serde(default)]
    each_stack: Limits,
    #[serde(default)]
    function: Vec<Spanned<FunctionBudget>>,
    #[serde(default)]
    suppress: Vec<Suppress>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    peak: Option<Spanned<Bytes>>,
    allocs: Option<Spanned<Count>>,
    bytes: Option<Spanned<Bytes>>,
    leaked: Option<Spanned<Bytes>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FunctionBudget {
    name: Spanned<String>,
    peak: Option<Spanned<Bytes>>,
    allocs: Option<Spanned<Count>>,
    bytes: Option<Spanned<Bytes>>,
    leaked: Option<Spanned<Bytes>>,
    must_not_allocate: Option<Spanned<bool>>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppress {
    leak: Spanned<String>,
    expires: Option<Datetime>,
    #[expect(dead_code, reason = "for whoever reads the file")]
    reason: Option<String>,
}

impl Budgets {
    /// Reads the file at `path`, and those that it names.
    ///
    /// # Errors
    /// If one cannot be read, or says what cannot be understood: with the line, and what is allowed.
    pub fn read(path: &Path) -> Result<Budgets> {
        let text = small_file::read(path)?;
        let budgets = Budgets::parse(&text, path)?;
        ensure!(!budgets.budgets.is_empty(), words::no_budgets(path));
        Ok(budgets)
    }

    /// Reads a text as the file at `path`.
    ///
    /// # Errors
    /// As [`Budgets::read`]; no budget is none.
    pub fn parse(text: &str, path: &Path) -> Result<Budgets> {
        let place = |span: &Range<usize>| format!("{}:{}", path.display(), line_of(text, span));
        let file: File = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(path.display().to_string(), |span| place(&span));
            anyhow::anyhow!("{place}: {}", words::bad_file(error.message()))
        })?;
        let beside = |name: &PathBuf| path.parent().unwrap_or(Path::new("")).join(name);
        let mut budgets = Vec::new();
        file.total.add(&Scope::Total, text, &mut budgets);
        file.each_stack.add(&Scope::EachStack, text, &mut budgets);
        for function in file.function {
            let span = function.span();
            let function = function.into_inner();
            let name =
                Pattern::of_option("name", function.name.get_ref()).context(place(&function.name.span()))?;
            let before = budgets.len();
            function.add(Scope::Function(name), text, &mut budgets);
            if budgets.len() == before {
                bail!("{}: {}", place(&span), words::FUNCTION_WITHOUT_LIMIT);
            }
        }
        let mut suppressions = Vec::new();
        for Suppress { leak, expires, .. } in file.suppress {
            let expires =
                expires.map(|date| Expiry::of(&date.to_string()).context(words::bad_date(&date.to_string())));
            let expires = expires.transpose().context(place(&leak.span()))?;
            let origin = place(&leak.span());
            suppressions.push(Suppression::new(leak.get_ref(), expires, origin.clone()).context(origin)?);
        }
        for name in &file.suppressions {
            suppressions.extend(Suppression::read_file(&beside(name))?);
        }
        Ok(Budgets {
            path: path.to_owned(),
            baseline: file.baseline.as_ref().map(beside),
            budgets,
            suppressions,
        })
    }
}

impl Limits {
    fn add(self, scope: &Scope, text: &str, budgets: &mut Vec<Budget>) {
        let Limits { peak, allocs, bytes, leaked } = self;
        for (metric, limit, span) in limits(peak, allocs, bytes, leaked) {
            let line = line_of(text, &span);
            budgets.push(Budget {
                scope: scope.clone(),
                metric,
                limit,
                is_forbidden: false,
                line,
                reason: None,
            });
        }
    }
}

impl FunctionBudget {
    fn add(self, scope: Scope, text: &str, budgets: &mut Vec<Budget>) {
        let FunctionBudget { peak, allocs, bytes, leaked, must_not_allocate, reason, .. } = self;
        let first = budgets.len();
        Limits { peak, allocs, bytes, leaked }.add(&scope, text, budgets);
        if let Some(forbidden) = must_not_allocate.filter(|forbidden| *forbidden.get_ref()) {
            let line = line_of(text, &forbidden.span());
            let (metric, limit) = (Metric::Allocs, Limit::Absolute(0));
            budgets.push(Budget { scope, metric, limit, is_forbidden: true, line, reason: None });
        }
        budgets[first..].iter_mut().for_each(|budget| budget.reason.clone_from(&reason));
    }
}

/// Those that are there, in the order of [`Metric::ALL`].
fn limits(
    peak: Option<Spanned<Bytes>>,
    allocs: Option<Spanned<Count>>,
    bytes: Option<Spanned<Bytes>>,
    leaked: Option<Spanned<Bytes>>,
) -> impl Iterator<Item = (Metric, Limit, Range<usize>)> {
    let of_bytes = |limit: Spanned<Bytes>| (limit.get_ref().0, limit.span());
    let of_count = |limit: Spanned<Count>| (limit.get_ref().0, limit.span());
    let all = [peak.map(of_bytes), allocs.map(of_count), bytes.map(of_bytes), leaked.map(of_bytes)];
    Metric::ALL
        .into_iter()
        .zip(all)
        .filter_map(|(metric, limit)| limit.map(|(limit, span)| (metric, limit, span)))
}

/// The line of a text in which a part of it begins.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", Budgets::parse(text, Path::new("heaptrace.toml")).unwrap_err())
    }

    #[test]
    fn what_is_wrong_is_told_with_the_line_and_what_is_allowed() {
        for (text, says) in [
            ("[total]\npeek = 1", "heaptrace.toml:2: unknown key `peek`, expected one of `peak`, `allocs`"),
            ("[totals]", "heaptrace.toml:1: unknown key `totals`, expected one of `baseline`"),
            (
                "\n[total]\n\npeak = \"64 apples\"",
                "heaptrace.toml:4: \"64 apples\" is no limit: bytes, such as",
            ),
            (
                "[total]\nallocs = \"64MiB\"",
                "heaptrace.toml:2: \"64MiB\" is no limit: a number of allocations",
            ),
            ("[total]\npeak = -1", "heaptrace.toml:2: -1 is no limit"),
            (
                "[total]\npeak = true",
                "heaptrace.toml:2: invalid type: boolean `true`, expected bytes, such as",
            ),
            ("[total]\npeak = 1\npeak = 2", "heaptrace.toml:3: duplicate key"),
            ("[total\n", "heaptrace.toml:1: "),
            (
                "[[function]]\nname = \"f(\"\nallocs = 1",
                "heaptrace.toml:2: name: \"f(\" is no regular expression: missing closing )",
            ),
            ("[[function]]\nallocs = 1", "heaptrace.toml:1: missing key `name`"),
            ("[[function]]\nname = \"f\"", "heaptrace.toml:1: a function needs a limit"),
            ("[[suppress]]\nleak = \"\"", "heaptrace.toml:2: "),
        ] {
            assert!(error(text).starts_with(says), "{text}: {}", error(text));
        }
    }

    #[test]
    fn limits_know_their_lines() {
        let text = "[total]\nallocs = 10\n\n[[function]]\nname = \"^f$\"\nmust-not-allocate = true\nreason = \"audio\"\n";
        let read = Budgets::parse(text, Path::new("heaptrace.toml")).unwrap().budgets;
        assert_eq!(read.iter().map(|budget| budget.line).collect::<Vec<_>>(), [2, 6]);
        assert!(read[1].is_forbidden && read[1].reason.as_deref() == Some("audio"));
    }
}
