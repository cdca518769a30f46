//! What does not count as leaked, in LeakSanitizer's format: `leak:PATTERN` on a function, a file or a
//! module, where PATTERN is a part of the name, `*` is anything, and `^` and `$` are its ends. What
//! LeakSanitizer has not: `expires=DATE` behind it, the last day on which it counts.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use heaptrace_report::Pattern;
use heaptrace_report::cost::{Cost, Stacks};
use jiff::Zoned;
use jiff::civil::Date;

use super::small_file;
use crate::messages::budgets as words;

/// What runtimes keep on purpose until the process is gone, beside what they allocate at its start: the
/// buffers of stdio, the places of thread-local variables, Rust's note of the main thread. LeakSanitizer does
/// not tell of it either, as it can still be reached.
const RUNTIMES: [&str; 3] = ["^_IO_file_doallocate$", "^_dl_allocate_tls", "^std::rt::init$"];

/// A suppression.
#[derive(Debug)]
pub struct Suppression {
    /// As it was written.
    pub text: String,
    /// Where it stands: a file with the line; none if it is built in.
    pub origin: Option<String>,
    pattern: Pattern,
    expires: Option<Expiry>,
}

/// The last day on which a suppression counts.
#[derive(Clone, Copy, Debug)]
pub struct Expiry(Date);

impl Expiry {
    /// Reads `2027-01-31`.
    pub fn of(text: &str) -> Option<Expiry> {
        text.parse().ok().map(Expiry)
    }
}

impl Suppression {
    /// The suppression of a pattern.
    ///
    /// # Errors
    /// If the pattern would match everything.
    pub fn new(pattern: &str, expires: Option<Expiry>, origin: String) -> Result<Suppression> {
        if pattern.trim_matches(['*', '^', '$', ' ']).is_empty() {
            bail!(words::matches_everything(pattern));
        }
        Ok(Suppression { expires, ..Suppression::of(pattern, Some(origin)) })
    }

    fn of(pattern: &str, origin: Option<String>) -> Suppression {
        let start = pattern.strip_prefix('^');
        let inner = start.unwrap_or(pattern);
        let end = inner.strip_suffix('$');
        let parts: Vec<_> = end.unwrap_or(inner).split('*').map(Pattern::escaped).collect();
        let anchor = |is_there: bool, sign| if is_there { sign } else { "" };
        let source =
            format!("(?s){}{}{}", anchor(start.is_some(), "^"), parts.join(".*"), anchor(end.is_some(), "$"));
        let pattern_of = Pattern::new(&source).unwrap_or_else(|_| Pattern::new("^$^").expect("it is valid"));
        Suppression { text: format!("leak:{pattern}"), origin, pattern: pattern_of, expires: None }
    }

    /// Those that are built in.
    pub fn of_runtimes() -> Vec<Suppression> {
        RUNTIMES.iter().map(|pattern| Suppression::of(pattern, None)).collect()
    }

    /// Reads a file in LeakSanitizer's format.
    ///
    /// # Errors
    /// If it cannot be read, or a line is nothing of that kind.
    pub fn read_file(path: &Path) -> Result<Vec<Suppression>> {
        let text = small_file::read(path)?;
        let mut suppressions = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let origin = format!("{}:{}", path.display(), index + 1);
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                suppressions.push(Suppression::of_line(line, origin.clone()).context(origin)?);
            }
        }
        Ok(suppressions)
    }

    fn of_line(line: &str, origin: String) -> Result<Suppression> {
        let pattern = line.strip_prefix("leak:").with_context(|| words::no_suppression(line))?;
        match pattern.rsplit_once("expires=") {
            Some((pattern, date)) if pattern.ends_with([' ', '\t']) => {
                let expires = Expiry::of(date).ok_or_else(|| anyhow!(words::bad_date(date)))?;
                Suppression::new(pattern.trim_end(), Some(expires), origin)
            }
            _ => Suppression::new(pattern, None, origin),
        }
    }

    /// Whether its day is over.
    pub fn is_expired(&self) -> bool {
        self.expires.is_some_and(|Expiry(last)| last < Zoned::now().date())
    }

    /// The stacks of a profile that it is about.
    pub fn stacks(&self, cost: &Cost) -> Stacks {
        let is = |text: &str| !text.is_empty() && self.pattern.is_match(text);
        cost.stacks_with(|function, file| is(function) || is(file), is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Suppression::of(pattern, None).pattern.is_match(text)
    }

    #[test]
    fn patterns_are_leak_sanitizer_s() {
        assert!(matches("render", "app::render(int)"));
        assert!(matches("libfont*.so", "/usr/lib/libfontconfig.so.1"));
        assert!(matches("^main$", "main") && !matches("^main$", "main2") && !matches("^main", "xmain"));
        assert!(matches("f(a+b)", "f(a+b)"), "nothing else is special");
        assert!(matches("^a*z$", "a\nz"));
    }

    #[test]
    fn lines_are_read_or_refused() {
        let read = |line| Suppression::of_line(line, "x:1".to_owned());
        assert!(!read("leak:f").unwrap().is_expired());
        let (old, far) =
            (read("leak:f  expires=2001-02-03").unwrap(), read("leak:f expires=9999-01-01").unwrap());
        assert!(old.is_expired() && !far.is_expired());
        assert_eq!(old.text, "leak:f");
        for line in
            ["race:f", "f", "leak:", "leak:*", "leak:^$", "leak:f expires=soon", "leak: expires=2001-02-03"]
        {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
