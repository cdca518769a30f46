//! Leaving out the frames that a profile's `drop_frames` names, for heap profiles the allocation
//! functions, so that memory counts for whoever asked for it: pprof's `profile/prune.go`.

use crate::pattern::Pattern;
use crate::profile::tables::{Code, Profile};

/// What pruning does to a location.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Nothing.
    Keep,
    /// What it calls is dropped; itself only in part: its outer inline frames stay.
    Beneath,
    /// It is dropped with what it calls.
    Whole,
}

/// Applies `drop_frames` and `keep_frames` (`RemoveUninteresting`). If either is no regular
/// expression, all frames stay, as in pprof: a name that a writer forgot to escape is no reason to
/// show nothing.
pub fn prune(profile: &mut Profile) {
    let Some((drop, keep)) = expressions(profile) else {
        return;
    };
    let dropped: Vec<bool> = profile
        .functions
        .iter()
        .map(|function| {
            let name = simplified(profile.text(function.name));
            !function.name.is_empty()
                && drop.is_match(name)
                && !keep.as_ref().is_some_and(|keep| keep.is_match(name))
        })
        .collect();
    let marks = prune_lines(&mut profile.code, &dropped);
    profile.stacks.shorten(|stack| first_kept(stack, &marks)..stack.len());
}

/// What must match a whole name to drop it and to keep it, if anything is to be dropped.
fn expressions(profile: &Profile) -> Option<(Pattern, Option<Pattern>)> {
    let whole = |pattern: &str| Pattern::new(&format!("^({pattern})$")).ok();
    let Profile { drop_frames, keep_frames, .. } = profile;
    let drop = if drop_frames.is_empty() { None } else { whole(drop_frames) }?;
    let keep = if keep_frames.is_empty() { None } else { Some(whole(keep_frames)?) };
    Some((drop, keep))
}

/// Removes from each location the outermost dropped line and what it calls.
fn prune_lines(code: &mut Code, dropped: &[bool]) -> Vec<Mark> {
    let Code { locations, lines } = code;
    locations
        .iter_mut()
        .map(|location| {
            let own = &lines[location.lines.start as usize..location.lines.end as usize];
            match own.iter().rposition(|line| dropped[line.function as usize]) {
                None => Mark::Keep,
                Some(i) if i + 1 == own.len() => Mark::Whole,
                Some(i) => {
                    location.lines.start += i as u32 + 1;
                    Mark::Beneath
                }
            }
        })
        .collect()
}

/// Where the kept part of a stack begins. Frames before the first that is kept as it is do not
/// count, so that a stack of dropped frames only stays as it is.
fn first_kept(stack: &[u32], marks: &[Mark]) -> usize {
    let mark = |&location: &u32| marks[location as usize];
    let Some(user) = stack.iter().rposition(|l| mark(l) == Mark::Keep) else {
        return 0;
    };
    match stack[..user].iter().rposition(|l| mark(l) != Mark::Keep) {
        Some(i) if mark(&stack[i]) == Mark::Whole => i + 1,
        Some(i) => i,
        None => 0,
    }
}

/// The name without a leading dot and without its parameters; parentheses that belong to the name,
/// as in `(anonymous namespace)` and `operator()`, stay (`simplifyFunc`).
pub fn simplified(name: &str) -> &str {
    const RESERVED: [&str; 2] = ["(anonymous namespace)", "operator()"];
    let name = name.strip_prefix('.').unwrap_or(name);
    let mut from = 0;
    while let Some(at) = name[from..].find(['(', 'o']).map(|at| from + at) {
        let reserved = RESERVED.iter().find(|r| name[at..].starts_with(**r));
        match reserved {
            Some(reserved) => from = at + reserved.len(),
            None if name[at..].starts_with('(') => return &name[..at],
            None => from = at + 1,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_no_part_of_a_name_but_reserved_parentheses_are() {
        for (name, simple) in [
            ("main", "main"),
            (".main", "main"),
            ("operator new(unsigned long)", "operator new"),
            ("f(int)(char)", "f"),
            ("(anonymous namespace)::g(int)", "(anonymous namespace)::g"),
            ("F::operator()(int) const", "F::operator()"),
            ("operator()", "operator()"),
            ("(x)", ""),
        ] {
            assert_eq!(simplified(name), simple);
        }
    }

    #[test]
    fn a_stack_is_cut_at_the_dropped_frame_nearest_to_its_root() {
        use Mark::{Beneath, Keep, Whole};
        for (marks, first) in [
            (vec![Keep, Keep], 0),
            (vec![Whole, Keep], 1),
            (vec![Whole, Keep, Whole, Keep], 3),
            (vec![Whole, Beneath, Keep], 1),
            (vec![Whole, Keep, Whole], 1),
            (vec![Whole, Whole], 0),
        ] {
            let stack: Vec<u32> = (0..marks.len() as u32).collect();
            assert_eq!(first_kept(&stack, &marks), first);
        }
    }
}
