//! Stacks that are too deep for a profile, or too many: the middle of the one and the smallest of the
//! other are left out, and stand there as a frame that is not real.
//!
//! A recursion ten thousands of frames deep has as many stacks, each of them as long: gigabytes. What
//! tells them apart is at their ends.

use hashbrown::HashMap;

use crate::recording::{Frame, StackNumber, StackSamples, Stacks, Values};

/// Frames that are kept of a stack on each side of its middle, in a file.
const KEPT: usize = 1024;

/// Stands for the frames that are left out.
pub const LEFT_OUT: Frame = Frame { address: 0, module: None };

/// Stands for the stacks that are left out.
const SMALLEST: Frame = Frame { address: 1, module: None };

/// What a frame is called that stands for others.
pub fn unreal_name(frame: Frame) -> Option<&'static str> {
    match frame {
        LEFT_OUT => Some("…"),
        SMALLEST => Some("[smaller stacks]"),
        _ => None,
    }
}

/// Leaves of `rows` the `most` that have most of what was allocated or is in use. The others become one
/// row, so that the totals stay.
pub fn keep_largest(rows: &mut Vec<StackSamples>, stacks: &mut Stacks, most: usize) {
    let most = most.max(1);
    if rows.len() <= most {
        return;
    }
    let size = |row: &StackSamples| row.values.alloc_space.abs().max(row.values.inuse_space.abs());
    rows.sort_by(|one, other| size(other).total_cmp(&size(one)));
    let mut rest = Values::default();
    rows.drain(most - 1..).for_each(|row| rest += row.values);
    rows.push(StackSamples {
        stack: stacks.add(StackNumber::default(), SMALLEST),
        size_class: None,
        values: rest,
        cohorts: None,
    });
}

/// Makes one row of those of a stack, whatever the sizes of their blocks are.
pub fn add_up_sizes(rows: &mut Vec<StackSamples>) {
    let mut first: HashMap<StackNumber, usize> = HashMap::new();
    for row in std::mem::take(rows) {
        match first.get(&row.stack) {
            Some(&index) => rows[index].add(row),
            None => {
                first.insert(row.stack, rows.len());
                rows.push(StackSamples { size_class: None, ..row });
            }
        }
    }
}

/// Leaves the middle out of stacks that are deeper than `most` frames.
pub fn shorten(rows: &mut Vec<StackSamples>, stacks: &mut Stacks, most: usize) {
    let mut folder = Folder::new(most.saturating_sub(1) / 2);
    let left = std::mem::take(rows).into_iter().filter_map(|row| folder.add(row, stacks));
    rows.extend(left);
    rows.extend(folder.into_rows());
}

/// Makes rows of stacks as deep as may be.
#[derive(Debug)]
pub struct Folder {
    /// Frames that are kept on each side.
    kept: usize,
    made: HashMap<(StackNumber, Frame), StackNumber>,
    /// Those of stacks with their middle left out.
    rows: Vec<StackSamples>,
    /// Which of them a stack and size class have.
    indexes: HashMap<(StackNumber, Option<u64>), usize>,
}

impl Folder {
    /// As deep as they are in a file.
    pub fn of_files() -> Folder {
        Folder::new(KEPT)
    }

    fn new(kept: usize) -> Folder {
        Folder { kept: kept.max(1), made: HashMap::new(), rows: Vec::new(), indexes: HashMap::new() }
    }

    /// The row as it is, unless its stack is too deep: then it is added to those whose middle is left out.
    #[inline]
    pub fn add(&mut self, row: StackSamples, stacks: &mut Stacks) -> Option<StackSamples> {
        if stacks.depth(row.stack) as usize <= 2 * self.kept {
            return Some(row);
        }
        self.add_folded(row, stacks);
        None
    }

    /// Those whose middle is left out.
    pub fn into_rows(self) -> Vec<StackSamples> {
        self.rows
    }

    #[cold]
    fn add_folded(&mut self, mut row: StackSamples, stacks: &mut Stacks) {
        row.stack = self.fold(row.stack, stacks);
        match self.indexes.get(&(row.stack, row.size_class)) {
            Some(&index) => self.rows[index].add(row),
            None => {
                self.indexes.insert((row.stack, row.size_class), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    fn fold(&mut self, stack: StackNumber, stacks: &mut Stacks) -> StackNumber {
        let kept = self.kept;
        let all: Vec<_> = stacks.callers(stack).collect();
        let inner = all[..kept].iter().rev().map(|&(_, frame)| frame).collect::<Vec<_>>();
        let mut folded = all[all.len() - kept].0;
        for frame in [LEFT_OUT].into_iter().chain(inner) {
            folded = *self.made.entry((folded, frame)).or_insert_with(|| stacks.add(folded, frame));
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(address: u64) -> Frame {
        Frame { address, module: Some(0) }
    }

    fn frames(stack: StackNumber, stacks: &Stacks) -> Vec<u64> {
        stacks.callers(stack).map(|(_, frame)| frame.address).collect()
    }

    #[test]
    fn of_too_many_stacks_the_largest_stay_and_the_totals_too() {
        let (mut stacks, mut rows) = (Stacks::default(), Vec::new());
        for size in [5.0, 1.0, 9.0, 2.0] {
            let stack = stacks.add(StackNumber::default(), frame(10 + size as u64));
            let values = Values { alloc_space: size, inuse_space: -1.0, ..Values::default() };
            rows.push(StackSamples { stack, size_class: Some(8), values, cohorts: None });
        }
        for (most, left) in
            [(9, &[5.0, 1.0, 9.0, 2.0][..]), (3, &[9.0, 5.0, 3.0]), (1, &[17.0]), (0, &[17.0])]
        {
            let (mut rows, mut stacks) = (rows.clone(), stacks.clone());
            keep_largest(&mut rows, &mut stacks, most);
            assert_eq!(rows.iter().map(|row| row.values.alloc_space).collect::<Vec<_>>(), left);
            assert_eq!(rows.iter().map(|row| row.values.inuse_space).sum::<f64>(), -4.0);
            let last = rows.last().unwrap().stack;
            assert_eq!(frames(last, &stacks) == [SMALLEST.address], most < 4);
        }
    }

    #[test]
    fn sizes_are_added_up_and_deep_stacks_shortened() {
        let (mut stacks, mut rows) = (Stacks::default(), Vec::new());
        let mut deep = StackNumber::default();
        for address in 1..=9 {
            deep = stacks.add(deep, frame(address));
        }
        let other = stacks.add(StackNumber::default(), frame(7));
        for (stack, size) in [(deep, 8), (other, 8), (deep, 16)] {
            let values = Values { alloc_space: size as f64, ..Values::default() };
            rows.push(StackSamples { stack, size_class: Some(size), values, cohorts: None });
        }
        add_up_sizes(&mut rows);
        let all: Vec<_> =
            rows.iter().map(|row| (row.stack, row.size_class, row.values.alloc_space)).collect();
        assert_eq!(all, [(deep, None, 24.0), (other, None, 8.0)]);
        for (most, left) in [(9, vec![9, 8, 7, 6, 0, 4, 3, 2, 1]), (8, vec![9, 8, 7, 0, 3, 2, 1])] {
            let (mut rows, mut stacks) = (rows.clone(), stacks.clone());
            shorten(&mut rows, &mut stacks, most);
            let at = |alloc_space| rows.iter().position(|row| row.values.alloc_space == alloc_space).unwrap();
            assert_eq!(frames(rows[at(24.0)].stack, &stacks), left, "at most {most}");
            assert_eq!((rows.len(), rows[at(8.0)].stack), (2, other));
        }
    }

    #[test]
    fn the_middle_of_a_deep_stack_is_left_out_and_stacks_that_differ_there_are_one() {
        let (mut stacks, mut folder, mut rows) = (Stacks::default(), Folder::of_files(), Vec::new());
        let row = |stack, values| StackSamples { stack, size_class: Some(8), values, cohorts: None };
        let mut stack = stacks.add(StackNumber::default(), frame(1));
        for depth in 2..=5000 {
            stack = stacks.add(stack, frame(2));
            let leaf = stacks.add(stack, frame(3));
            if depth % 1000 == 0 {
                let values = Values { alloc_objects: 1.0, ..Values::default() };
                rows.extend(folder.add(row(leaf, values), &mut stacks));
            }
        }
        let as_they_are = rows.len();
        rows.extend(folder.into_rows());
        assert_eq!((as_they_are, rows.len()), (2, 3), "1000 and 2000 as they are, the others as one");
        assert_eq!(rows.iter().map(|row| row.values.alloc_objects).collect::<Vec<_>>(), [1.0, 1.0, 3.0]);
        let all = frames(rows[2].stack, &stacks);
        assert_eq!((all.len(), all[0], all[KEPT], all[2 * KEPT]), (2 * KEPT + 1, 3, LEFT_OUT.address, 1));
        assert_eq!(frames(rows[1].stack, &stacks).len(), 2001);
    }
}
