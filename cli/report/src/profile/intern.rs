//! Tables that hold each distinct text or slice once, and number them.

use std::hash::{BuildHasher, Hash};
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Index of a text in [`Strings`]. 0 is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(u32);

impl Text {
    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Texts, each stored once.
#[derive(Clone, Debug)]
pub struct Strings {
    texts: Vec<Box<str>>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Default for Strings {
    fn default() -> Strings {
        let mut strings =
            Strings { texts: Vec::new(), index: HashTable::new(), hasher: DefaultHashBuilder::default() };
        strings.intern("");
        strings
    }
}

impl Strings {
    /// The text at an index.
    pub fn get(&self, text: Text) -> &str {
        &self.texts[text.0 as usize]
    }

    /// The index of a text, which is added if it is new.
    pub fn intern(&mut self, text: &str) -> Text {
        let Strings { texts, index, hasher } = self;
        let found = index.entry(
            hasher.hash_one(text),
            |&i| *texts[i as usize] == *text,
            |&i| hasher.hash_one(&*texts[i as usize]),
        );
        let i = *found.or_insert(texts.len() as u32).get();
        if i as usize == texts.len() {
            texts.push(text.into());
        }
        Text(i)
    }
}

/// Slices of one kind of item, end to end in one vector, each distinct one stored once.
#[derive(Clone, Debug)]
pub struct Slices<T> {
    items: Vec<T>,
    ranges: Vec<Range<u32>>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Slices<T> {
    fn default() -> Slices<T> {
        Slices {
            items: Vec::new(),
            ranges: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<T: Copy + Eq + Hash> Slices<T> {
    /// Number of slices.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Number of items in all slices.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The slice at an index.
    pub fn get(&self, slice: u32) -> &[T] {
        part(&self.items, &self.ranges[slice as usize])
    }

    /// Where in [`Slices::into_items`] a slice is.
    pub fn range(&self, slice: u32) -> Range<u32> {
        self.ranges[slice as usize].clone()
    }

    /// The items of all slices.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }

    /// All slices in the order of their indices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.ranges.iter().map(|range| part(&self.items, range))
    }

    /// The index of a slice, which is added if it is new.
    pub fn intern(&mut self, slice: &[T]) -> u32 {
        let Slices { items, ranges, index, hasher } = self;
        let found = index.entry(
            hasher.hash_one(slice),
            |&i| part(items, &ranges[i as usize]) == slice,
            |&i| hasher.hash_one(part(items, &ranges[i as usize])),
        );
        let i = *found.or_insert(ranges.len() as u32).get();
        if i as usize == ranges.len() {
            let start = items.len() as u32;
            items.extend_from_slice(slice);
            ranges.push(start..items.len() as u32);
        }
        i
    }

    /// Shortens each slice to what `cut` returns. Slices that become equal stay apart.
    pub fn shorten(&mut self, mut cut: impl FnMut(&[T]) -> Range<usize>) {
        for range in &mut self.ranges {
            let kept = cut(part(&self.items, range));
            *range = range.start + kept.start as u32..range.start + kept.end as u32;
        }
    }

    /// Gives back the memory that only adding needs.
    pub fn freeze(&mut self) {
        self.index = HashTable::new();
        self.items.shrink_to_fit();
        self.ranges.shrink_to_fit();
    }
}

/// The items in a range.
fn part<'a, T>(items: &'a [T], range: &Range<u32>) -> &'a [T] {
    &items[range.start as usize..range.end as usize]
}
