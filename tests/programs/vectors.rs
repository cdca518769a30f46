//! A Rust program: vectors, strings, maps, threads.
use std::collections::HashMap;

#[inline(never)]
fn words(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("word number {i}")).collect()
}

#[inline(never)]
fn count(words: &[String]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    words.iter().for_each(|word| *counts.entry(word.clone()).or_default() += 1);
    counts
}

fn main() {
    let threads: Vec<_> = (1..4).map(|n| std::thread::spawn(move || count(&words(n * 1000)).len())).collect();
    let sum: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("{sum}");
}
