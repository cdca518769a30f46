//! Names that debug information gave, in the form in which they are kept for the next session.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::function::Function;
use super::resolved::ResolvedFrame;

/// Most addresses of a module that are kept.
const ADDRESS_LIMIT: usize = 1 << 16;

/// The frames of addresses, as the file has addresses.
pub(super) type Names = HashMap<u64, Arc<[ResolvedFrame]>>;

/// Names as they are kept: each function once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KeptNames {
    functions: Vec<Function>,
    /// Of each address the indexes of functions, and the lines, innermost first.
    addresses: Vec<(u64, Vec<(usize, u64)>)>,
}

impl KeptNames {
    /// As many as are kept.
    pub(super) fn of(names: &Names) -> KeptNames {
        let mut kept = KeptNames::default();
        let mut indexes = HashMap::new();
        for (&address, frames) in names.iter().take(ADDRESS_LIMIT) {
            let mut index = |function: &Arc<Function>| {
                *indexes.entry(Arc::clone(function)).or_insert_with(|| {
                    kept.functions.push(Function::clone(function));
                    kept.functions.len() - 1
                })
            };
            let frames = frames.iter().map(|frame| (index(&frame.function), frame.line)).collect();
            kept.addresses.push((address, frames));
        }
        kept
    }

    /// The names; `None` if it makes no sense.
    pub(super) fn names(self) -> Option<Names> {
        let functions: Vec<_> = self.functions.into_iter().map(Arc::new).collect();
        let frame = |(index, line): (usize, u64)| {
            Some(ResolvedFrame { function: Arc::clone(functions.get(index)?), line })
        };
        let frames = |frames: Vec<_>| frames.into_iter().map(frame).collect::<Option<Arc<[_]>>>();
        self.addresses.into_iter().map(|(address, indexes)| Some((address, frames(indexes)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::tests::place;

    #[test]
    fn names_are_kept_as_they_are() {
        let function = |name: &str| {
            let text = |what| format!("{what} of {name}");
            Arc::new(Function {
                name: name.into(),
                system_name: text("link"),
                file: text("file"),
                start_line: 3,
            })
        };
        let (inner, outer) = (function("inner"), function("outer\n\u{1F980}"));
        let frame = |function: &Arc<Function>, line| ResolvedFrame { function: Arc::clone(function), line };
        let both: Arc<[_]> = [frame(&inner, 4), frame(&outer, 5)].into();
        let names: Names = [(0x1000, both), (u64::MAX, [frame(&outer, 6)].into())].into_iter().collect();
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        place.write(KeptNames::of(&names)).unwrap();
        assert_eq!(place.read::<KeptNames>().unwrap().names(), Some(names));
    }

    #[test]
    fn a_function_that_is_not_there_makes_no_sense() {
        let kept = KeptNames { functions: Vec::new(), addresses: vec![(1, vec![(0, 2)])] };
        assert_eq!(kept.names(), None);
    }
}
