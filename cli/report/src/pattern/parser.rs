//! From the text of an expression to what the engine compiles, but for classes of characters.

use regex_syntax::hir::{Class, Dot, Hir, Look, Repetition};

/// Most repetitions, each of nested ones multiplied; Go's.
const REPEAT_LIMIT: u32 = 1000;
/// Most groups inside each other. Go's limit is 1000, but the engine compiles them recursively.
pub const DEPTH_LIMIT: usize = 100;

/// The flags of `(?ims)`. `U` only says which match is found, not whether there is one.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold_case: bool,
    multi_line: bool,
    dot_matches_newline: bool,
}

/// A part of an expression, and how often its innermost part can be repeated.
struct Item {
    hir: Hir,
    repeats: u32,
}

/// A group that is still open, or the whole expression.
#[derive(Default)]
struct Group {
    /// The flags to return to at its end.
    outer: Flags,
    /// What is before its last `|`.
    alternatives: Vec<Item>,
    /// What is after.
    items: Vec<Item>,
}

impl Group {
    fn end_alternative(&mut self) {
        let items = self.items.drain(..);
        self.alternatives.push(joined(items, Hir::concat));
    }

    fn into_item(mut self) -> Item {
        self.end_alternative();
        joined(self.alternatives, Hir::alternation)
    }
}

fn joined(items: impl IntoIterator<Item = Item>, join: fn(Vec<Hir>) -> Hir) -> Item {
    let mut repeats = 1;
    let hirs = items.into_iter().map(|item| {
        repeats = repeats.max(item.repeats);
        item.hir
    });
    let hirs = hirs.collect();
    Item { hir: join(hirs), repeats }
}

pub struct Parser<'p> {
    pub(super) rest: &'p str,
    pub(super) flags: Flags,
    group: Group,
    /// The groups around it, the outermost first.
    outer: Vec<Group>,
}

impl<'p> Parser<'p> {
    /// Of an expression.
    pub fn new(source: &'p str) -> Parser<'p> {
        Parser { rest: source, flags: Flags::default(), group: Group::default(), outer: Vec::new() }
    }

    /// What it means, or why it means nothing, in Go's words.
    pub fn parse(mut self) -> Result<Hir, &'static str> {
        let mut after_repetition = false;
        while let Some(c) = self.rest.chars().next() {
            let repetition = self.repetition()?;
            if let Some((min, max)) = repetition {
                self.repeat(min, max, after_repetition)?;
            } else {
                self.rest = &self.rest[c.len_utf8()..];
                self.element(c)?;
            }
            after_repetition = repetition.is_some();
        }
        match self.outer.is_empty() {
            true => Ok(self.group.into_item().hir),
            false => Err("missing closing )"),
        }
    }

    /// One character of the expression, and what belongs to it.
    fn element(&mut self, c: char) -> Result<(), &'static str> {
        match c {
            '(' => return self.open(),
            ')' => return self.close(),
            '|' => self.group.end_alternative(),
            '^' if self.flags.multi_line => self.push(Hir::look(Look::StartLF)),
            '^' => self.push(Hir::look(Look::Start)),
            '$' if self.flags.multi_line => self.push(Hir::look(Look::EndLF)),
            '$' => self.push(Hir::look(Look::End)),
            '.' if self.flags.dot_matches_newline => self.push(Hir::dot(Dot::AnyChar)),
            '.' => self.push(Hir::dot(Dot::AnyCharExceptLF)),
            '[' => {
                let class = self.class()?;
                self.push(Hir::class(Class::Unicode(class)));
            }
            '\\' => return self.escape(),
            c => self.literal(c.into()),
        }
        Ok(())
    }

    fn push(&mut self, hir: Hir) {
        self.group.items.push(Item { hir, repeats: 1 });
    }

    fn literal(&mut self, c: u32) {
        let hir = match char::from_u32(c) {
            // Half of a pair of UTF-16, which is in no text.
            None => Hir::fail(),
            Some(c) if self.flags.fold_case => Hir::class(Class::Unicode(self.range(c.into(), c.into()))),
            Some(c) => Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes()),
        };
        self.push(hir);
    }

    /// Takes `text` off the rest if it is what comes next.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next character.
    pub(super) fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// The least and most times of the repetition that comes next, if one does. A `{` that begins none
    /// is a character like others.
    fn repetition(&mut self) -> Result<Option<(u32, Option<u32>)>, &'static str> {
        let before = self.rest;
        let range = match self.take() {
            Some('*') => Some((0, None)),
            Some('+') => Some((1, None)),
            Some('?') => Some((0, Some(1))),
            Some('{') => self.braces(),
            _ => None,
        };
        match range {
            None => self.rest = before,
            Some((min, max))
                if min > REPEAT_LIMIT || max.is_some_and(|max| max > REPEAT_LIMIT || max < min) =>
            {
                return Err("invalid repeat count");
            }
            // Which of several matches is found makes no difference.
            Some(_) => _ = self.accept("?"),
        }
        Ok(range)
    }

    /// What is after `{`: `2}`, `2,}` or `2,3}`.
    fn braces(&mut self) -> Option<(u32, Option<u32>)> {
        let min = self.number()?;
        if self.accept("}") {
            return Some((min, Some(min)));
        }
        if !self.accept(",") {
            return None;
        }
        if self.accept("}") {
            return Some((min, None));
        }
        let max = self.number()?;
        self.accept("}").then_some((min, Some(max)))
    }

    /// A number without leading zeros; one that is too large is larger than any that is allowed.
    fn number(&mut self) -> Option<u32> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let is_number = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
        self.rest = rest;
        is_number.then(|| digits.parse().unwrap_or(u32::MAX))
    }

    fn repeat(&mut self, min: u32, max: Option<u32>, after_repetition: bool) -> Result<(), &'static str> {
        if after_repetition {
            return Err("invalid nested repetition operator");
        }
        let item = self.group.items.pop().ok_or("missing argument to repetition operator")?;
        let times = match (min, max) {
            (0 | 1, None) | (0, Some(1)) => 1,
            (min, max) => max.unwrap_or(min),
        };
        let repeats = item.repeats.saturating_mul(times);
        if repeats > REPEAT_LIMIT {
            return Err("invalid repeat count");
        }
        let hir = Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(item.hir) });
        self.group.items.push(Item { hir, repeats });
        Ok(())
    }

    /// What is after `(`.
    fn open(&mut self) -> Result<(), &'static str> {
        let mut flags = self.flags;
        if self.accept("?P<") || self.accept("?<") {
            let end = self.rest.find('>').ok_or("invalid named capture")?;
            let name = &self.rest[..end];
            if name.is_empty() || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                return Err("invalid named capture");
            }
            self.rest = &self.rest[end + 1..];
        } else if self.accept("?") && self.set_flags(&mut flags)? == ')' {
            self.flags = flags;
            return Ok(());
        }
        if self.outer.len() == DEPTH_LIMIT {
            return Err("expression nests too deeply");
        }
        let group = Group { outer: self.flags, ..Group::default() };
        self.flags = flags;
        self.outer.push(std::mem::replace(&mut self.group, group));
        Ok(())
    }

    /// What is after `(?`, up to the `:` or `)` that is returned.
    fn set_flags(&mut self, flags: &mut Flags) -> Result<char, &'static str> {
        const UNSUPPORTED: &str = "invalid or unsupported Perl syntax";
        let (mut on, mut any) = (true, false);
        loop {
            match self.take().ok_or(UNSUPPORTED)? {
                'i' => flags.fold_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_matches_newline = on,
                'U' => {}
                '-' if on => {
                    (on, any) = (false, false);
                    continue;
                }
                end @ (':' | ')') if on || any => return Ok(end),
                _ => return Err(UNSUPPORTED),
            }
            any = true;
        }
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let outer = self.outer.pop().ok_or("unexpected )")?;
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.outer;
        self.group.items.push(group.into_item());
        Ok(())
    }

    /// What is after a backslash that is not in a class.
    fn escape(&mut self) -> Result<(), &'static str> {
        for (letter, look) in
            [("A", Look::Start), ("b", Look::WordAscii), ("B", Look::WordAsciiNegate), ("z", Look::End)]
        {
            if self.accept(letter) {
                self.push(Hir::look(look));
                return Ok(());
            }
        }
        if self.accept("Q") {
            let (literal, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            literal.chars().for_each(|c| self.literal(c.into()));
            return Ok(());
        }
        match self.class_escape()? {
            Some(class) => self.push(Hir::class(Class::Unicode(class))),
            None => {
                let c = self.escaped_char()?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// The character that is escaped by a backslash.
    pub(super) fn escaped_char(&mut self) -> Result<u32, &'static str> {
        const INVALID: &str = "invalid escape sequence";
        let c = self.take().ok_or("trailing backslash at end of expression")?;
        let next_is_octal = self.rest.starts_with(|c: char| c.is_digit(8));
        Ok(match c {
            '0'..='7' if c == '0' || next_is_octal => {
                let more = self.rest.chars().take(2).take_while(|c| c.is_digit(8)).count();
                let (digits, rest) = self.rest.split_at(more);
                self.rest = rest;
                digits.chars().fold(digit(c, 8), |sum, c| sum * 8 + digit(c, 8))
            }
            'x' => return self.hex().ok_or(INVALID),
            'a' => 0x07,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c.into(),
            _ => return Err(INVALID),
        })
    }

    /// What is after `\x`: two digits, or any number of them in braces.
    fn hex(&mut self) -> Option<u32> {
        let digits = match self.accept("{") {
            true => {
                let (digits, rest) = self.rest.split_once('}')?;
                self.rest = rest;
                digits
            }
            false => {
                let (digits, rest) = self.rest.split_at_checked(2)?;
                self.rest = rest;
                digits
            }
        };
        let is_hex = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
        let digits = digits.trim_start_matches('0');
        let value = if digits.is_empty() { Some(0) } else { u32::from_str_radix(digits, 16).ok() };
        value.filter(|&c| is_hex && c <= char::MAX.into())
    }
}

fn digit(c: char, radix: u32) -> u32 {
    c.to_digit(radix).unwrap_or_default()
}
