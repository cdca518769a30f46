//! A regular expression, compiled.

use std::fmt;

use anyhow::anyhow;
use regex_automata::meta;

use super::parser::Parser;

/// Most bytes of a compiled expression.
const SIZE_LIMIT: usize = 1 << 25;

/// A regular expression.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    regex: meta::Regex,
}

impl Pattern {
    /// Compiles `source`; the error is the reason why it is no regular expression, in Go's words.
    ///
    /// ```
    /// use heaptrace_report::Pattern;
    ///
    /// assert!(Pattern::new("^parse_").unwrap().is_match("parse_record"));
    /// assert_eq!(Pattern::new("parse(").unwrap_err(), "missing closing )");
    /// ```
    pub fn new(source: &str) -> Result<Pattern, &'static str> {
        let hir = Parser::new(source).parse()?;
        let config = meta::Config::new().nfa_size_limit(Some(SIZE_LIMIT));
        let regex = meta::Builder::new().configure(config).build_from_hir(&hir);
        Ok(Pattern { source: source.to_owned(), regex: regex.map_err(|_| "expression too large")? })
    }

    /// Compiles the value of an option or variable called `name`; one line if it is wrong.
    pub fn of_option(name: &str, source: &str) -> anyhow::Result<Pattern> {
        Pattern::new(source)
            .map_err(|reason| anyhow!("{name}: {source:?} is no regular expression: {reason}"))
    }

    /// An expression that matches `text` and nothing else.
    pub fn escaped(text: &str) -> String {
        let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
        text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
    }

    /// Whether it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser;
    use super::*;

    fn error(source: &str) -> &'static str {
        Pattern::new(source).unwrap_err()
    }

    #[test]
    fn what_rust_reads_otherwise_is_read_as_go_does() {
        for (source, matching, other) in [
            ("{{closure}}", "a::{{closure}}", "a::{closure}"),
            ("{lambda", "f()::{lambda(int)#1}", "lambda"),
            (r"^\Qa.b\E$", "a.b", "axb"),
            (r"^\Qa.b*\E+$", "a.b**", "a.bb"),
            (r"\<init\>", "A.<init>", "init"),
            ("^[a&&b]$", "&", "c"),
            ("^[+--]$", ",", "a"),
            ("^[[a]$", "[", "b"),
            ("^a{,3}$", "a{,3}", "aa"),
            ("^a{1,2}$", "aa", "aaa"),
            (r"^\d$", "7", "٧"),
            (r"^\w+$", "ab_1", "é"),
            (r"^\s$", "\t", "\u{b}"),
            ("^[[:space:]]$", "\u{b}", "\u{a0}"),
            (r"é\b", "éa", "é"),
            (r"^a\B", "ab", "aé"),
            (r"\b{start}", "a{start}", "start"),
            (r"^\x{263a}\x41\101\0$", "☺AA\0", "☺A"),
            (r"^\pL\p{^Greek}\P{Lu}$", "äaa", "äaA"),
            (r"^\p{Zl}$", "\u{2028}", "a"),
            ("(?i)^straße$", "STRAßE", "STRASSE"),
            ("(?i:a)b", "Ab", "AB"),
            ("(?s-m:^.$)", "\n", "ab"),
            ("(?m)^b$", "a\nb\nc", "ab"),
            ("a(?P<n>b|)c", "ac", "a"),
            ("^(?U)a*?$", "aa", "b"),
            (r"^[\]\-a]+$", "]-a", "b"),
            ("^[]a-]+$", "]a-", "b"),
            (r"^[^\d]$", "x", "5"),
            (r"^[\D]$", "x", "5"),
            (r"(?i)^\w$", "ſ", "é"),
            ("]}", "]}", "]"),
        ] {
            let pattern = Pattern::new(source).unwrap_or_else(|error| panic!("{source}: {error}"));
            assert!(pattern.is_match(matching), "{source} matches {matching}");
            assert!(!pattern.is_match(other), "{source} does not match {other}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused_with_its_reason() {
        for (source, reason) in [
            ("a(", "missing closing )"),
            ("a)", "unexpected )"),
            ("a**", "invalid nested repetition operator"),
            ("a{2}{3}", "invalid nested repetition operator"),
            ("*a", "missing argument to repetition operator"),
            ("a|*", "missing argument to repetition operator"),
            ("a{1001}", "invalid repeat count"),
            ("a{3,2}", "invalid repeat count"),
            ("(a{100}){100}", "invalid repeat count"),
            ("[a", "missing closing ]"),
            ("[b-a]", "invalid character class range"),
            (r"[a-\d]", "invalid escape sequence"),
            ("[[:word:]", "missing closing ]"),
            ("[[:foo:]]", "invalid character class range"),
            (r"\p{Klingon}", "invalid character class range"),
            (r"\p{alphabetic}", "invalid character class range"),
            (r"\pé", "invalid character class range"),
            (r"\Z", "invalid escape sequence"),
            (r"\8", "invalid escape sequence"),
            (r"\1", "invalid escape sequence"),
            (r"\C", "invalid escape sequence"),
            (r"\é", "invalid escape sequence"),
            (r"\x{110000}", "invalid escape sequence"),
            (r"\xé", "invalid escape sequence"),
            (r"a\", "trailing backslash at end of expression"),
            ("(?=a)", "invalid or unsupported Perl syntax"),
            ("(?x)a", "invalid or unsupported Perl syntax"),
            ("(?i-)a", "invalid or unsupported Perl syntax"),
            ("(?P<a", "invalid named capture"),
            ("(?P<a b>c)", "invalid named capture"),
        ] {
            assert_eq!(error(source), reason, "{source}");
        }
    }

    #[test]
    fn no_expression_takes_more_than_its_share() {
        assert_eq!(error(&"(".repeat(parser::DEPTH_LIMIT + 1)), "expression nests too deeply");
        assert_eq!(error(r"(\pL{10}){100}(\pL{10}){100}(\pL{10}){100}"), "expression too large");
        let nested = format!("{}a{}", "(?:".repeat(parser::DEPTH_LIMIT), "*)".repeat(parser::DEPTH_LIMIT));
        assert!(Pattern::new(&nested).unwrap().is_match("a"));
    }

    #[test]
    fn an_escaped_name_matches_itself() {
        let name = r"<f(a)::{{closure}}>[0] \ $^.+*?|é";
        assert!(Pattern::new(&format!("^{}$", Pattern::escaped(name))).unwrap().is_match(name));
    }
}
