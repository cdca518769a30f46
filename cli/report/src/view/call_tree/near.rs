//! The nodes that the reader has come close to: all of these are wanted, however small.

use hashbrown::HashMap;

use crate::profile::tables::Profile;
use crate::view::call_tree::tree::CallTree;

/// The names of functions on the way from the roots to what the reader looks at, as `hash` has them. Others may
/// lie between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way(Vec<u32>);

impl Way {
    /// Reads hexadecimal numbers with commas between.
    pub fn parse(text: &str) -> Option<Way> {
        let hashes = text.split(',').filter(|text| !text.is_empty());
        hashes.map(|text| u32::from_str_radix(text, 16).ok()).collect::<Option<_>>().map(Way)
    }

    /// For each node whether it is on the way, or at its end or below that.
    pub fn nodes(&self, profile: &Profile, tree: &CallTree) -> Vec<bool> {
        let mut is_near = vec![false; tree.nodes.len()];
        if self.0.is_empty() {
            return is_near;
        }
        let mut known: HashMap<u32, u32> = HashMap::new();
        let mut hash_of = |frame: u32| {
            *known.entry(frame).or_insert_with(|| {
                let function = tree.frames[frame as usize].function;
                function.map_or(0, |index| hash(profile.text(profile.functions[index as usize].name)))
            })
        };
        // How much of the way lies behind each node; a caller is before what it calls.
        let callers = tree.callers();
        let mut passed = vec![0; tree.nodes.len()];
        for (node, caller) in callers.iter().enumerate() {
            let before = caller.map_or(0, |caller| passed[caller as usize]);
            let is_next = self.0.get(before).is_some_and(|&next| next == hash_of(tree.nodes[node].frame));
            passed[node] = before + usize::from(is_next);
            is_near[node] = passed[node] == self.0.len();
        }
        for (node, caller) in callers.iter().enumerate().rev() {
            if let Some(caller) = caller.filter(|_| is_near[node]) {
                is_near[caller as usize] = true;
            }
        }
        is_near
    }
}

/// FNV-1a of a name: `web/model/near.js` has the same.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the authors (draft-eastlake-fnv).
    #[test]
    fn names_are_told_by_fnv_1a() {
        assert_eq!([hash(""), hash("a"), hash("foobar")], [0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968]);
        assert_eq!(Way::parse("811c9dc5,e40c292c"), Some(Way(vec![0x811c_9dc5, 0xe40c_292c])));
        assert_eq!((Way::parse(""), Way::parse("xyz")), (Some(Way::default()), None));
    }
}
