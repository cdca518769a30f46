//! The table: rows in an order, those that are searched for.

use std::cmp::Reverse;

use crate::screen::history::{History, Past};
use crate::view::noise::Estimate;
use crate::view::verdict::Judgement;

/// What rows are sorted by, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Bytes in use.
    InUse,
    /// How they change.
    Growth,
    /// Bytes allocated a second.
    Allocated,
}

impl Order {
    /// All of them, as a key goes through them.
    pub const ALL: [Order; 3] = [Order::InUse, Order::Growth, Order::Allocated];

    /// The one after it.
    pub fn next(self) -> Order {
        let at = Order::ALL.iter().position(|&order| order == self).unwrap_or(0);
        Order::ALL[(at + 1) % Order::ALL.len()]
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Line {
    /// The place.
    pub name: String,
    /// Its function; empty if that has no name.
    pub function: String,
    /// Bytes in use.
    pub in_use: Estimate,
    /// How they change, if there are enough moments to tell.
    pub growth: Option<Judgement>,
    /// Bytes allocated a second.
    pub rate: Option<f64>,
}

impl Line {
    fn new(history: &History, past: &Past) -> Line {
        Line {
            name: past.now.name.clone(),
            function: past.now.function.clone(),
            in_use: past.now.in_use,
            growth: history.growth(past),
            rate: history.rate(past),
        }
    }

    /// Whether it holds anything, or did anything of late.
    fn is_alive(&self) -> bool {
        let grows = self.growth.is_some_and(|growth| growth.growth != 0.0);
        self.in_use.value != 0 || grows || self.rate.is_none_or(|rate| rate > 0.0)
    }
}

/// The rows of which the name has `search` in it, in any case of letters if that has none of its own.
pub fn lines(history: &History, order: Order, search: &str) -> Vec<Line> {
    let any_case = !search.chars().any(char::is_uppercase);
    let is_sought = |name: &str| match any_case {
        true => name.to_lowercase().contains(search),
        false => name.contains(search),
    };
    let rows = history.rows().filter(|past| search.is_empty() || is_sought(&past.now.name));
    let mut lines: Vec<Line> = rows.map(|past| Line::new(history, past)).filter(Line::is_alive).collect();
    let by_use = |line: &Line| Reverse(line.in_use.value);
    lines.sort_by(|one, other| {
        let largest = |of: fn(&Line) -> f64| of(other).total_cmp(&of(one));
        let first = match order {
            Order::InUse => by_use(one).cmp(&by_use(other)),
            // As sure as it is large: what is noise has its place among what does not change.
            Order::Growth => largest(|line| line.growth.map_or(0.0, sure)),
            Order::Allocated => largest(|line| line.rate.unwrap_or(0.0)),
        };
        first.then_with(|| by_use(one).cmp(&by_use(other))).then_with(|| one.name.cmp(&other.name))
    });
    lines
}

/// The growth, or nothing where it is within the noise.
fn sure(growth: Judgement) -> f64 {
    if is_noise(&growth) { 0.0 } else { growth.growth }
}

/// Whether a growth may as well be none.
pub fn is_noise(growth: &Judgement) -> bool {
    growth.half_interval >= growth.growth.abs()
}
