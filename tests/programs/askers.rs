//! A Rust program that has the standard library allocate in many ways.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

#[inline(never)]
fn pushes() -> Vec<u64> {
    let mut numbers = Vec::new();
    (0..10_000).for_each(|i| numbers.push(i));
    numbers
}

#[inline(never)]
fn reserves() -> Vec<u32> {
    let mut numbers = Vec::new();
    numbers.reserve(50_000);
    numbers
}

#[inline(never)]
fn boxes() -> Vec<Box<[u8; 3000]>> {
    let mut boxes = Vec::with_capacity(50);
    for _ in 0..50 {
        boxes.push(Box::new([1; 3000]));
    }
    boxes
}

fn main() {
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    let mut queue = VecDeque::new();
    let mut text = String::new();
    for i in 0..1000 {
        map.insert((String::new(), i), i);
        tree.insert(i, i);
        queue.push_back(i);
        text.push_str("some text");
    }
    let shared: Rc<[u64]> = Rc::from(pushes());
    println!("{}", shared.len() + reserves().len() + boxes().len() + map.len() + tree.len() + queue.len() + text.len());
}
