//! Text in XML and HTML.

use std::borrow::Cow;

/// `text` as it may stand in an element or in the quotes of an attribute. XML has no place for control
/// characters, nor for U+FFFE and U+FFFF (<https://www.w3.org/TR/xml/#charsets>).
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if special(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

fn special(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\0'..='\x08' | '\x0b'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_what_xml_cannot_hold_are_replaced() {
        assert_eq!(escaped("a<b>&\"c\"\0\u{ffff}\t\n"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}\u{fffd}\t\n");
        assert!(matches!(escaped("std::vector, é"), Cow::Borrowed(_)));
    }
}
