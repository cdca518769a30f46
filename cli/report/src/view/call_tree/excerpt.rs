//! The source lines of functions that hold something.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::profile::intern::Text;
use crate::profile::tables::Profile;
use crate::view::call_tree::tree::CallTree;
use crate::view::own::Origin;

/// Lines shown around those that are in the tree.
const MARGIN: i64 = 5;
/// Most lines of a function; line numbers come from a file that may say anything.
const LINES_LIMIT: i64 = 2_000;
/// Most bytes of all excerpts.
const BYTES_LIMIT: usize = 2 << 20;
/// The share of a sample type that a function which is not the program's own must hold.
const LEAST_SHARE: f64 = 0.005;

/// Some lines of a source file.
#[derive(Debug)]
pub struct Excerpt {
    /// The file, as the profile names it.
    pub file: Text,
    /// The number of the first line.
    pub first: i64,
    /// The lines.
    pub text: String,
}

/// What is in the tree of a function.
struct Used {
    share: f64,
    lines: (i64, i64),
}

/// The excerpts of all functions that hold something, the largest first until there is no more room;
/// `read` gets a source file.
pub fn excerpts(profile: &Profile, tree: &CallTree, read: impl Fn(&str) -> Option<String>) -> Vec<Excerpt> {
    let mut functions: Vec<(u32, Used)> = used(profile, tree).into_iter().collect();
    functions.sort_by_key(|(function, used)| (Reverse(used.share.to_bits()), *function));
    let mut texts: HashMap<Text, Option<String>> = HashMap::new();
    let mut ranges: BTreeMap<Text, Vec<(i64, i64)>> = BTreeMap::new();
    let mut room = BYTES_LIMIT;
    for (function, used) in functions {
        let function = &profile.functions[function as usize];
        let text = texts.entry(function.file).or_insert_with(|| read(profile.text(function.file)));
        let Some(text) = text else { continue };
        let (first, last) = context(function.start_line, used.lines);
        let size: usize = lines(text, first, last).map(|line| line.len() + 1).sum();
        if size > 0 && size <= room {
            room -= size;
            ranges.entry(function.file).or_default().push((first, last));
        }
    }
    let excerpt = |file: Text, (first, last)| {
        let text = texts[&file].as_deref().unwrap_or_default();
        let lines: Vec<&str> = lines(text, first, last).collect();
        Excerpt { file, first, text: lines.join("\n") }
    };
    let joined =
        ranges.into_iter().flat_map(|(file, ranges)| joined(ranges).into_iter().map(move |r| (file, r)));
    joined.map(|(file, range)| excerpt(file, range)).collect()
}

/// The functions that hold enough.
fn used(profile: &Profile, tree: &CallTree) -> HashMap<u32, Used> {
    let mut used: HashMap<u32, Used> = HashMap::new();
    for (node, share) in tree.nodes.iter().zip(tree.shares(profile.sample_types.len())) {
        let frame = &tree.frames[node.frame as usize];
        let is_enough = frame.origin == Origin::Program || share >= LEAST_SHARE;
        let Some(function) = frame.function.filter(|_| is_enough && share > 0.0 && frame.line > 0) else {
            continue;
        };
        let new = Used { share, lines: (frame.line, frame.line) };
        let known = used.entry(function).or_insert(new);
        known.share = known.share.max(share);
        known.lines = (known.lines.0.min(frame.line), known.lines.1.max(frame.line));
    }
    used
}

/// The lines to show of a function that starts at `start`, if that is known.
fn context(start: i64, (first, last): (i64, i64)) -> (i64, i64) {
    let start = match start {
        // What the function includes may have lines of another file, before its own.
        1.. if start <= first => start,
        _ => first.saturating_sub(MARGIN).max(1),
    };
    (start, last.saturating_add(MARGIN).min(start.saturating_add(LINES_LIMIT)))
}

/// Ranges of lines in order, those that touch as one.
fn joined(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(previous) if first <= previous.1.saturating_add(1) => previous.1 = previous.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn lines(text: &str, first: i64, last: i64) -> impl Iterator<Item = &str> {
    let skipped = usize::try_from(first - 1).unwrap_or(usize::MAX);
    let count = usize::try_from(last - first + 1).unwrap_or(0);
    text.lines().skip(skipped).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_shown_from_its_start_if_that_is_before_its_lines() {
        assert_eq!(context(10, (12, 20)), (10, 25));
        assert_eq!(context(30, (12, 20)), (7, 25));
        assert_eq!(context(0, (2, 2)), (1, 7));
        assert_eq!(context(1, (i64::MAX, i64::MAX)), (1, 1 + LINES_LIMIT));
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined(vec![(20, 30), (1, 5), (6, 9), (8, 8)]), [(1, 9), (20, 30)]);
    }
}
