//! Classes of characters: `[a-z]`, `\d`, `[[:alpha:]]`, `\p{Greek}`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::parser::Parser;

impl<'p> Parser<'p> {
    /// The characters that an escape such as `\d` or `\pL` stands for, if it is one.
    pub(super) fn class_escape(&mut self) -> Result<Option<ClassUnicode>, &'static str> {
        let Some(letter @ ('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) = self.rest.chars().next() else {
            return Ok(None);
        };
        self.rest = &self.rest[1..];
        let mut negated = letter.is_ascii_uppercase();
        let mut class = match letter.to_ascii_lowercase() {
            'd' => ascii_class("digit"),
            's' => Some(ascii(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')])),
            'w' => ascii_class("word"),
            _ => {
                let name = self.property()?;
                negated ^= name.starts_with('^');
                unicode_class(name.strip_prefix('^').unwrap_or(name))
            }
        }
        .ok_or("invalid character class range")?;
        self.fold(&mut class);
        if negated {
            class.negate();
        }
        Ok(Some(class))
    }

    /// The name after `\p`: one letter, or what is in braces.
    fn property(&mut self) -> Result<&'p str, &'static str> {
        const INVALID: &str = "invalid character class range";
        let rest = self.rest;
        match self.take().ok_or(INVALID)? {
            '{' => {
                let (name, rest) = self.rest.split_once('}').ok_or(INVALID)?;
                self.rest = rest;
                Ok(name)
            }
            c => Ok(&rest[..c.len_utf8()]),
        }
    }

    /// What is after `[`.
    pub(super) fn class(&mut self) -> Result<ClassUnicode, &'static str> {
        let negated = self.accept("^");
        let mut class = ClassUnicode::empty();
        let mut first = true;
        while std::mem::take(&mut first) || !self.rest.starts_with(']') {
            if let Some(named) = self.named_class()? {
                class.union(&named);
                continue;
            }
            let before = self.rest;
            if self.accept("\\")
                && let Some(escaped) = self.class_escape()?
            {
                class.union(&escaped);
                continue;
            }
            self.rest = before;
            let low = self.class_char()?;
            let mut high = low;
            // `[a-]` is an a or a minus.
            if self.rest.len() >= 2 && self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.rest = &self.rest[1..];
                high = self.class_char()?;
            }
            if high < low {
                return Err("invalid character class range");
            }
            class.union(&self.range(low, high));
        }
        self.accept("]");
        if negated {
            class.negate();
        }
        Ok(class)
    }

    /// A class inside of a class: `[:alpha:]`, `[:^alpha:]`.
    fn named_class(&mut self) -> Result<Option<ClassUnicode>, &'static str> {
        let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) else {
            return Ok(None);
        };
        self.rest = rest;
        let positive = name.strip_prefix('^');
        let mut class = ascii_class(positive.unwrap_or(name)).ok_or("invalid character class range")?;
        self.fold(&mut class);
        if positive.is_some() {
            class.negate();
        }
        Ok(Some(class))
    }

    fn class_char(&mut self) -> Result<u32, &'static str> {
        match self.take().ok_or("missing closing ]")? {
            '\\' => self.escaped_char(),
            c => Ok(c.into()),
        }
    }

    /// The characters from `low` to `high`, and what differs from them in case only, if that is asked
    /// for.
    pub(super) fn range(&self, low: u32, high: u32) -> ClassUnicode {
        // What is between the last character before the halves of pairs of UTF-16 and the first after
        // them is none.
        let low = (low..=char::MAX.into()).find_map(char::from_u32);
        let high = (0..=high).rev().find_map(char::from_u32);
        let mut class = match (low, high) {
            (Some(low), Some(high)) if low <= high => ascii(&[(low, high)]),
            _ => ClassUnicode::empty(),
        };
        self.fold(&mut class);
        class
    }

    fn fold(&self, class: &mut ClassUnicode) {
        if self.flags.fold_case {
            class.case_fold_simple();
        }
    }
}

fn ascii(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(low, high)| ClassUnicodeRange::new(low, high)))
}

/// The class that RE2 calls `[:name:]`.
fn ascii_class(name: &str) -> Option<ClassUnicode> {
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    };
    Some(ascii(ranges))
}

/// The characters of a general category such as `Lu`, or of a script such as `Greek`. Rust knows more
/// spellings of the names.
fn unicode_class(name: &str) -> Option<ClassUnicode> {
    if name == "Any" {
        return Some(ascii(&[('\0', char::MAX)]));
    }
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    let kind = if name.len() <= 2 { "gc" } else { "sc" };
    let parse = || regex_syntax::parse(&format!(r"\p{{{kind}={name}}}")).ok();
    match is_name.then(parse)??.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // What has one character is a literal.
        HirKind::Literal(literal) => {
            let c = str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(ascii(&[(c, c)]))
        }
        _ => None,
    }
}
