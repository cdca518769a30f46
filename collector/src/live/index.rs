//! Which cell has the sums of a stack and a size class: found without a search.
//!
//! Each stack has a row of places, as many as it takes, in powers of two, for each of its classes
//! to be alone at the place of its number modulo their count. Most stacks have one class and so one
//! place, and none has more than 256. The numbers of stacks are small, so their rows are in a list.

use heaptrace_channel::stacks::Stack;

use super::size_class::SizeClass;

/// Cells by stack and size class.
#[derive(Debug)]
pub struct Index {
    rows: Vec<Bounds>,
    /// The rows' places, and before them the one that all stacks without a cell share: it stays free.
    places: Vec<ClassCell>,
}

/// Where the places of a stack are.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    start: u32,
    /// One less than there are.
    mask: u32,
}

#[derive(Debug, Clone, Copy)]
struct ClassCell {
    class: Option<SizeClass>,
    cell: u32,
}

const FREE: ClassCell = ClassCell { class: None, cell: 0 };

impl Index {
    /// An index of nothing.
    pub fn new() -> Index {
        Index { rows: Vec::new(), places: vec![FREE] }
    }

    /// The cell of a stack and class.
    #[inline]
    pub fn find(&self, stack: Stack, class: SizeClass) -> Option<u32> {
        let place = self.places[self.row(stack).place(class)];
        (place.class == Some(class)).then_some(place.cell)
    }

    /// Enters the cell of a stack and class that have none.
    pub fn insert(&mut self, stack: Stack, class: SizeClass, cell: u32) {
        let (row, new) = (self.row(stack), ClassCell { class: Some(class), cell });
        let place = row.place(class);
        if place > 0 && self.places[place].class.is_none() {
            self.places[place] = new;
            return;
        }
        let mut taken: Vec<ClassCell> = self.taken(row).copied().collect();
        taken.push(new);
        let places = (0..).find_map(|more| spread(&taken, row.count() << more)).expect("256 are enough");
        let index = stack.0 as usize;
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Bounds::default());
        }
        self.rows[index] = Bounds { start: self.places.len() as u32, mask: places.len() as u32 - 1 };
        self.places.extend(places);
    }

    /// The cells of a stack.
    pub fn cells(&self, stack: Stack) -> impl Iterator<Item = (SizeClass, u32)> {
        self.taken(self.row(stack)).filter_map(|place| Some((place.class?, place.cell)))
    }

    #[inline]
    fn row(&self, stack: Stack) -> Bounds {
        self.rows.get(stack.0 as usize).copied().unwrap_or_default()
    }

    fn taken(&self, row: Bounds) -> impl Iterator<Item = &ClassCell> {
        let places = &self.places[row.start as usize..][..row.count()];
        places.iter().filter(|place| place.class.is_some())
    }
}

impl Bounds {
    #[inline]
    fn place(self, class: SizeClass) -> usize {
        self.start as usize + (class.number() & self.mask as usize)
    }

    fn count(self) -> usize {
        self.mask as usize + 1
    }
}

/// A row of `count` places with all that are taken, if none falls on another.
fn spread(taken: &[ClassCell], count: usize) -> Option<Vec<ClassCell>> {
    let mut places = vec![FREE; count];
    for &place in taken {
        let to = &mut places[place.class?.number() & (count - 1)];
        if to.class.is_some() {
            return None;
        }
        *to = place;
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One for each class that there is.
    fn classes() -> Vec<SizeClass> {
        let sizes = (0..64).flat_map(|log| (4..8).map(move |bits| (bits << log) >> 2));
        let mut classes: Vec<_> = sizes.map(SizeClass::of).collect();
        classes.sort_unstable_by_key(|class| class.number());
        classes.dedup();
        classes
    }

    #[test]
    fn every_cell_is_found_whatever_came_after_it() {
        let (mut index, mut entered) = (Index::new(), Vec::new());
        for class in classes() {
            for stack in [Stack(7), Stack(0), Stack(1000)] {
                assert_eq!(index.find(stack, class), None);
                index.insert(stack, class, entered.len() as u32);
                entered.push((stack, class));
                for (cell, &(stack, class)) in entered.iter().enumerate() {
                    assert_eq!(index.find(stack, class), Some(cell as u32));
                }
            }
        }
        assert_eq!(index.cells(Stack(7)).count(), classes().len());
        assert_eq!(index.cells(Stack(8)).count(), 0);
    }

    #[test]
    fn a_stack_of_one_class_takes_one_place() {
        let mut index = Index::new();
        for stack in 0..100 {
            index.insert(Stack(stack), SizeClass::of(64), stack);
        }
        assert_eq!(index.places.len(), 1 + 100);
    }

    #[test]
    fn a_stack_of_all_classes_takes_no_more_than_two_places_for_each() {
        let mut index = Index::new();
        for (cell, class) in classes().into_iter().enumerate() {
            index.insert(Stack(0), class, cell as u32);
        }
        assert!(index.places.len() <= 2 * 256);
    }
}
