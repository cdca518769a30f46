//! Names of D functions, as <https://dlang.org/spec/abi.html#name_mangling> has them.

/// How many parts a name may have, those that it refers back to each time that it does.
const PART_LIMIT: u32 = 4_096;

/// How deep the types in a name may nest.
const DEPTH_LIMIT: u32 = 64;

/// The readable form of a mangled name: modules, types and the function, without parameters.
pub(super) fn demangle(name: &str) -> Option<String> {
    if name == "_Dmain" {
        return Some("D main".to_owned());
    }
    let bytes = name.strip_prefix("_D")?.as_bytes();
    Parser { bytes, at: 0, parts: PART_LIMIT, depth: DEPTH_LIMIT }.qualified()
}

/// Reads a name from its beginning to its end. Each method reads what it is named after.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many more parts are read.
    parts: u32,
    /// How much deeper types may nest.
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied()
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// What `read` reads, or nothing.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let before = self.at;
        let found = read(self);
        if found.is_none() {
            self.at = before;
        }
        found
    }

    fn qualified(&mut self) -> Option<String> {
        let mut name = self.symbol()?;
        // A function that others are inside of has its type behind its name.
        while let Some(inner) = self.attempt(Self::symbol).or_else(|| {
            self.attempt(|parser| {
                parser.accept("M");
                parser.function_type()?;
                parser.symbol()
            })
        }) {
            name = format!("{name}.{inner}");
        }
        Some(name)
    }

    fn symbol(&mut self) -> Option<String> {
        self.parts = self.parts.checked_sub(1)?;
        if self.accept("__T") || self.accept("__U") {
            return self.template();
        }
        match self.peek()? {
            b'Q' => self.back(|parser| parser.peek()?.is_ascii_digit().then(|| parser.identifier())?),
            b'0' => {
                // Names that the compiler made are anonymous.
                self.at += 1;
                self.symbol()
            }
            _ => self.identifier(),
        }
    }

    fn identifier(&mut self) -> Option<String> {
        let size = self.number()?;
        let end = self.at.checked_add(size)?;
        let name = std::str::from_utf8(self.bytes.get(self.at..end)?).ok()?;
        if name.starts_with("__T") || name.starts_with("__U") {
            // As compilers before 2018 wrote instances of templates, with their size.
            self.at += 3;
            return self.template();
        }
        self.at = end;
        Some(match name {
            "__ctor" => "this".to_owned(),
            "__dtor" => "~this".to_owned(),
            "__postblit" => "this(this)".to_owned(),
            name => name.to_owned(),
        })
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.bytes.get(self.at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&self.bytes[self.at..self.at + digits]).ok()?;
        self.at += digits;
        text.parse().ok()
    }

    /// What is at an earlier place: `Q` and the distance, of base 26 with a small letter at its end.
    fn back(&mut self, read: impl FnOnce(&mut Self) -> Option<String>) -> Option<String> {
        let here = self.at;
        self.at += 1;
        let mut distance = 0_usize;
        loop {
            let byte = self.next()?;
            let digit = byte.to_ascii_lowercase().checked_sub(b'a').filter(|&digit| digit < 26)?;
            distance = distance.checked_mul(26)?.checked_add(digit.into())?;
            if byte.is_ascii_lowercase() {
                break;
            }
        }
        let after = self.at;
        self.at = here.checked_sub(distance).filter(|_| distance > 0)?;
        let found = read(self);
        self.at = after;
        found
    }

    fn template(&mut self) -> Option<String> {
        let name = self.symbol()?;
        let mut arguments = Vec::new();
        while !self.accept("Z") {
            self.accept("H");
            arguments.push(match self.next()? {
                b'T' => self.r#type()?,
                b'S' => self.qualified()?,
                b'V' => {
                    self.r#type()?;
                    self.value()?
                }
                b'X' => self.identifier()?,
                _ => return None,
            });
        }
        Some(format!("{name}!({})", arguments.join(", ")))
    }

    fn value(&mut self) -> Option<String> {
        match self.peek()? {
            b'n' => self.accept("n").then(|| "null".to_owned()),
            b'N' => {
                self.at += 1;
                Some(format!("-{}", self.number()?))
            }
            b'i' | b'0'..=b'9' => {
                self.accept("i");
                Some(self.number()?.to_string())
            }
            b'a' | b'w' | b'd' => self.string(),
            _ => None,
        }
    }

    /// The size in characters, and the bytes in hexadecimal.
    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let size = self.number()?;
        self.accept("_").then_some(())?;
        let end = self.at.checked_add(size.checked_mul(2)?)?;
        let digits = std::str::from_utf8(self.bytes.get(self.at..end)?).ok()?;
        self.at = end;
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        Some(format!("{:?}", String::from_utf8_lossy(&bytes?)))
    }

    fn r#type(&mut self) -> Option<String> {
        self.parts = self.parts.checked_sub(1)?;
        self.depth = self.depth.checked_sub(1)?;
        let name = self.any_type();
        self.depth += 1;
        name
    }

    fn any_type(&mut self) -> Option<String> {
        if self.peek() == Some(b'Q') {
            return self.back(Self::r#type);
        }
        if let Some(name) = self.attempt(Self::function_type) {
            return Some(name);
        }
        Some(match self.next()? {
            b'A' => format!("{}[]", self.r#type()?),
            b'P' => format!("{}*", self.r#type()?),
            b'G' => {
                let size = self.number()?;
                format!("{}[{size}]", self.r#type()?)
            }
            b'H' => {
                let key = self.r#type()?;
                format!("{}[{key}]", self.r#type()?)
            }
            b'x' => format!("const({})", self.r#type()?),
            b'y' => format!("immutable({})", self.r#type()?),
            b'O' => format!("shared({})", self.r#type()?),
            b'N' => match self.next()? {
                b'g' => format!("inout({})", self.r#type()?),
                b'h' => format!("__vector({})", self.r#type()?),
                b'n' => "noreturn".to_owned(),
                _ => return None,
            },
            b'C' | b'S' | b'E' | b'T' | b'I' => self.qualified()?,
            b'D' => {
                self.function_type()?;
                "delegate".to_owned()
            }
            b'B' => {
                let count = self.number()?;
                let types: Option<Vec<_>> = (0..count).map(|_| self.r#type()).collect();
                format!("tuple({})", types?.join(", "))
            }
            byte => basic(byte)?.to_owned(),
        })
    }

    /// A call convention, attributes, parameters, and, unless a name follows, the result.
    fn function_type(&mut self) -> Option<String> {
        while self.accept("x") || self.accept("y") || self.accept("O") || self.accept("Ng") {}
        matches!(self.next()?, b'F' | b'U' | b'W' | b'V' | b'R' | b'Y').then_some(())?;
        while self.peek() == Some(b'N') && self.bytes.get(self.at + 1).is_some_and(|byte| is_attribute(*byte))
        {
            self.at += 2;
        }
        while !matches!(self.peek()?, b'X' | b'Y' | b'Z') {
            while ["M", "Nk", "J", "K", "L"].iter().any(|class| self.accept(class)) {}
            self.r#type()?;
        }
        self.at += 1;
        Some("function".to_owned())
    }
}

/// `pure`, `nothrow` and the like; other letters behind an `N` begin a type.
fn is_attribute(byte: u8) -> bool {
    matches!(byte, b'a'..=b'f' | b'i' | b'j' | b'l' | b'm')
}

fn basic(byte: u8) -> Option<&'static str> {
    const NAMES: [&str; 23] = [
        "char",
        "bool",
        "creal",
        "double",
        "real",
        "float",
        "byte",
        "ubyte",
        "int",
        "ireal",
        "uint",
        "long",
        "ulong",
        "typeof(null)",
        "ifloat",
        "idouble",
        "cfloat",
        "cdouble",
        "short",
        "ushort",
        "wchar",
        "void",
        "dchar",
    ];
    NAMES.get(usize::from(byte.checked_sub(b'a')?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that gdc made, as `c++filt --format=dlang` shows them, without their parameters.
    #[test]
    fn names_are_those_of_the_source() {
        for (mangled, name) in [
            ("_Dmain", "D main"),
            ("_D3app4workFiZv", "app.work"),
            ("_D3app4workFiZ5innerMFNbNiZv", "app.work.inner"),
            ("_D3app4mainUZ9__lambda1FNbNiZv", "app.main.__lambda1"),
            ("_D3app__T3BoxTiZQh2In2goMFNbNiZv", "app.Box!(int).Box.In.go"),
            ("_D3app__T3BoxTiZQh3putMFiZv", "app.Box!(int).Box.put"),
            ("_D3app__T5twiceTAyaZQlFNbNiQlZQo", "app.twice!(immutable(char)[]).twice"),
            (
                "_D4core8internal9container6common8xreallocFNbNiPvmZQe",
                "core.internal.container.common.xrealloc",
            ),
        ] {
            assert_eq!(demangle(mangled).as_deref(), Some(name));
        }
    }

    #[test]
    fn nonsense_is_no_name_and_costs_little() {
        let bomb = format!("_D1fFB2{}Z", "B2Qb".repeat(1_000));
        for name in ["_D", "_Dfoo", "_D9x", "_D3app__T", "_DQa", "_D1aQb", "_D18446744073709551615a"] {
            let _ = demangle(name);
            assert_eq!(demangle(&bomb).as_deref(), Some("f"));
        }
        assert_eq!(demangle("_D9x"), None);
        assert_eq!(demangle("_DYNAMIC"), None);
    }
}
