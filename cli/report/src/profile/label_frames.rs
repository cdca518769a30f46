//! Labels as frames: what pprof's `tagroot` and `tagleaf` do (`internal/driver/tagroot.go`).

use hashbrown::HashMap;

use crate::measure;
use crate::profile::intern::{Slices, Text};
use crate::profile::tables::{Function, Label, LabelValue, Line, Location, Profile, Sample};

/// Which labels become frames.
#[derive(Debug, Default)]
pub struct LabelFrames<'o> {
    /// Keys of those that become callers of all, separated by commas, the outermost first.
    pub root: &'o str,
    /// Keys of those that become called by all, the innermost last.
    pub leaf: &'o str,
    /// The unit of numbers.
    pub unit: &'o str,
}

/// Gives each stack of `profile` a frame for each key: a function that has the name of the label's
/// value, in a source file that has the name of its key.
pub fn add(profile: &mut Profile, frames: &LabelFrames) {
    let mut locations = HashMap::new();
    // For each set of labels, the locations of its frames, leaf first.
    let sets: Vec<[Vec<u32>; 2]> = (0..profile.label_sets.len() as u32)
        .map(|set| {
            [frames.leaf, frames.root].map(|list| {
                let keys = keys(list).rev();
                keys.map(|key| location(profile, &mut locations, key, set, frames.unit)).collect()
            })
        })
        .collect();
    let mut stacks = Slices::default();
    let samples: Vec<Sample> = profile
        .samples
        .iter()
        .map(|sample| {
            let [leaf, root] = &sets[sample.labels as usize];
            let stack = [leaf, profile.stacks.get(sample.stack), root].concat();
            Sample { stack: stacks.intern(&stack), ..*sample }
        })
        .collect();
    stacks.freeze();
    (profile.stacks, profile.samples) = (stacks, samples);
}

/// The keys in a list.
pub fn keys(list: &str) -> impl DoubleEndedIterator<Item = &str> {
    list.split(',').filter(|key| !key.is_empty())
}

/// The location that stands for what the label `key` is in `set`; `known` are those made so far.
fn location(
    profile: &mut Profile,
    known: &mut HashMap<(Text, Text), u32>,
    key: &str,
    set: u32,
    unit: &str,
) -> u32 {
    let labels = profile.label_sets.get(set).iter();
    let own: Vec<Label> = labels.filter(|label| profile.text(label.key) == key).copied().collect();
    let name = value(profile, &own, unit);
    let (name, file) = (profile.strings.intern(&name), profile.strings.intern(key));
    *known.entry((file, name)).or_insert_with(|| {
        profile.functions.push(Function { name, system_name: Text::default(), file, start_line: 0 });
        let code = &mut profile.code;
        code.lines.push(Line { function: profile.functions.len() as u32 - 1, line: 0, column: 0 });
        let end = code.lines.len() as u32;
        code.locations.push(Location { mapping: None, address: 0, lines: end - 1..end, folded: false });
        code.locations.len() as u32 - 1
    })
}

/// The values of the labels of one key, texts first (`formatLabelValues`).
fn value(profile: &Profile, labels: &[Label], unit: &str) -> String {
    let has_units =
        labels.iter().any(|label| matches!(label.value, LabelValue::Number(_, u) if !u.is_empty()));
    let texts = labels.iter().filter_map(|label| match label.value {
        LabelValue::Text(text) => Some(profile.text(text).to_owned()),
        LabelValue::Number(..) => None,
    });
    let numbers = labels.iter().filter_map(|label| match label.value {
        LabelValue::Number(number, own) if has_units => Some(measure::label(number, profile.text(own), unit)),
        LabelValue::Number(number, _) => Some(measure::label(number, "", "")),
        LabelValue::Text(_) => None,
    });
    texts.chain(numbers).collect::<Vec<_>>().join(",")
}
