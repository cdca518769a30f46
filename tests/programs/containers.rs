//! Containers of the standard library; the lines that a profile should lead to say so.
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

fn main() {
    let (mut numbers, mut names, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    let (mut map, mut tree, mut set) = (HashMap::new(), BTreeMap::new(), HashSet::new());
    let (mut queue, mut text) = (VecDeque::new(), String::new());
    for i in 0..1000 {
        numbers.push(i); // own
        names.push(format!("name number {i}, which is long")); // own
        map.insert(i, names[i].clone()); // own
        tree.insert(i, Box::new(i)); // own
        queue.push_back(i); // own
        set.insert(i.to_string()); // own
        text.push_str("some more text"); // own
        shared.push(Arc::new(i)); // own
    }
    let bytes = vec![0u8; 100_000]; // own
    let copy = bytes.to_vec(); // own
    let sums: Vec<usize> = numbers.iter().map(|n| n + copy.len()).collect(); // own
    let joined = names.join(", "); // own
    std::hint::black_box((map, tree, set, queue, text, shared, sums, joined));
}
