//! The stacks as a tree of boxes, for flame graphs.
//!
//! A box is as wide as what its stacks hold. In a difference that is what changed, whether it grew or
//! shrank: what is gone would have no width otherwise.

use anyhow::ensure;
use hashbrown::HashMap;
use heaptrace_pprof::SampleType;

use crate::measure::Scale;
use crate::view::basis::View;
use crate::view::traces::Folded;

/// The boxes of a profile.
#[derive(Debug)]
pub struct Flame {
    /// The sample type.
    pub sample_type: SampleType,
    /// How to write values.
    pub scale: Scale,
    /// What percentages are of: the total of the table.
    pub total: i64,
    /// Whether values are differences.
    pub difference: bool,
    /// The boxes, each before those that are called from it. The first is around all.
    pub boxes: Vec<Frame>,
}

/// A box: a function with its callers.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// The boxes below it.
    pub depth: u32,
    /// Where it begins.
    pub start: i64,
    /// How wide it is: the sum of the values of its stacks, without their signs.
    pub width: i64,
    /// What its stacks add up to.
    pub value: i64,
}

/// A function with its callers, while stacks are added.
#[derive(Default)]
struct Branch {
    name: u32,
    children: Vec<u32>,
    width: i64,
    value: i64,
}

impl Flame {
    /// The boxes of a view. It is an error if none has a width.
    pub fn new(view: &View) -> anyhow::Result<Flame> {
        let folded = Folded::new(view);
        let boxes = placed(&folded, branches(&folded));
        let sample_type = view.sample_type().clone();
        ensure!(boxes[0].width > 0, "{} is zero, there is nothing to draw", sample_type.name);
        Ok(Flame {
            sample_type,
            scale: view.scale(),
            total: view.total,
            difference: view.is_difference(),
            boxes,
        })
    }
}

/// The tree of all stacks; the first branch is around them.
fn branches(folded: &Folded) -> Vec<Branch> {
    let mut branches = vec![Branch::default()];
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    for (stack, value) in folded.stacks() {
        let mut at = 0;
        let add = |branch: &mut Branch| {
            branch.width += value.abs();
            branch.value += value;
        };
        add(&mut branches[0]);
        for &name in stack {
            let new = branches.len() as u32;
            let child = *known.entry((at, name)).or_insert(new);
            if child == new {
                branches[at as usize].children.push(new);
                branches.push(Branch { name, ..Branch::default() });
            }
            add(&mut branches[child as usize]);
            at = child;
        }
    }
    branches
}

/// The branches side by side, those of one caller by name.
fn placed(folded: &Folded, mut branches: Vec<Branch>) -> Vec<Frame> {
    let mut boxes = Vec::new();
    let mut left = vec![(0, 0, 0)];
    while let Some((branch, depth, mut start)) = left.pop() {
        let Branch { name, mut children, width, value } = std::mem::take(&mut branches[branch]);
        let name = if depth == 0 { "all" } else { folded.name(name) };
        boxes.push(Frame { name: name.to_owned(), depth, start, width, value });
        children.sort_by_key(|&child| folded.name(branches[child as usize].name));
        for child in children {
            left.push((child as usize, depth + 1, start));
            start += branches[child as usize].width;
        }
    }
    boxes
}
