//! Names of functions, shortened to the width of a terminal.

/// How deep in each other template arguments are kept, if others have to go.
const ARGUMENTS_DEPTH: usize = 4;

/// `name` in at most `room` columns: with `<…>` for template arguments, the innermost first, and if
/// that is not enough without its middle.
pub fn to_width(name: &str, room: Option<usize>) -> String {
    let Some(room) = room else { return name.to_owned() };
    let fits = |name: &str| name.chars().count() <= room;
    if fits(name) {
        return name.to_owned();
    }
    let depths = (0..ARGUMENTS_DEPTH).rev();
    let shorter = depths.map(|depth| without_arguments(name, depth)).find(|shorter| fits(shorter));
    shorter.unwrap_or_else(|| without_middle(&without_arguments(name, 0), room))
}

/// `name` with `…` for the template arguments that are more than `kept` deep in others.
fn without_arguments(name: &str, kept: usize) -> String {
    let mut shorter = String::new();
    let mut depth = 0;
    for (i, c) in name.char_indices() {
        let before = &name[..i];
        let is_operator = before.trim_end_matches(['<', '>', '-', '=']).ends_with("operator");
        let closes = c == '>' && depth > 0 && !is_operator && !before.ends_with('-');
        depth -= usize::from(closes);
        if depth <= kept {
            shorter.push(c);
        }
        // Rust's names begin with a bracket around a type, which is no argument.
        if c == '<' && i > 0 && !is_operator {
            depth += 1;
            if depth == kept + 1 {
                shorter.push('…');
            }
        }
    }
    shorter
}

fn without_middle(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let head = (room - 1) / 2;
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(length - (room - 1 - head)).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_innermost_arguments_and_then_their_middle() {
        let name = "std::map<int, std::vector<std::pair<A, B>>>::operator<<";
        for (room, shorter) in [
            (60, name),
            (54, "std::map<int, std::vector<std::pair<…>>>::operator<<"),
            (42, "std::map<int, std::vector<…>>::operator<<"),
            (30, "std::map<…>::operator<<"),
            (11, "std::…tor<<"),
        ] {
            assert_eq!(to_width(name, Some(room)), shorter);
        }
        assert_eq!(to_width("abcdefghij", Some(7)), "abc…hij");
        assert_eq!(to_width("äöüäöüäöüä", Some(6)), "äö…öüä");
        assert_eq!(to_width("abcdefghij", None), "abcdefghij");
    }

    #[test]
    fn operators_are_no_brackets() {
        for (name, shorter) in [
            ("A<B>::operator->", "A<…>::operator->"),
            ("A<B>::operator<", "A<…>::operator<"),
            ("f<A>()::{lambda()#1}::operator()", "f<…>()::{lambda()#1}::operator()"),
            ("<alloc::vec::Vec<T> as Clone>::clone", "<alloc::vec::Vec<…> as Clone>::clone"),
        ] {
            assert_eq!(without_arguments(name, 0), shorter);
        }
    }
}
