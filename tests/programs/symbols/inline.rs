// Rust: generics, closures, trait objects and iterators, inlined deeply.
use std::collections::HashMap;

trait Shape {
    fn name(&self) -> String;
}

struct Square(u32);

impl Shape for Square {
    fn name(&self) -> String {
        format!("square {}", self.0)
    }
}

#[inline(always)]
fn boxed<T: Shape + 'static>(shape: T) -> Box<dyn Shape> {
    Box::new(shape)
}

#[inline(never)]
fn count(names: &[String]) -> HashMap<char, Vec<&str>> {
    let mut by_first: HashMap<char, Vec<&str>> = HashMap::new();
    for name in names {
        by_first.entry(name.chars().next().unwrap_or(' ')).or_default().push(name);
    }
    by_first
}

fn main() {
    let shapes: Vec<Box<dyn Shape>> = (0..std::env::args().count() as u32).map(|n| boxed(Square(n))).collect();
    let names: Vec<String> = shapes.iter().map(|shape| shape.name()).collect();
    println!("{}", count(&names).values().map(|group| group.concat()).collect::<String>());
}
