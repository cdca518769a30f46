//! A list of which a copy costs next to nothing: it shares the list's pieces, and who changes one that
//! is shared takes a copy of that piece only.

use std::mem;
use std::sync::Arc;

/// A list that can be [shared](Pieces::share) while it goes on changing, in pieces of `SIZE` values.
#[derive(Debug)]
pub struct Pieces<T, const SIZE: usize> {
    pieces: Vec<Piece<T>>,
    len: usize,
}

#[derive(Debug)]
enum Piece<T> {
    /// Nobody else has it: changed without a look at any count.
    Own(Vec<T>),
    Shared(Arc<Vec<T>>),
}

/// What a [`Pieces`] was at one moment.
#[derive(Debug, Clone)]
pub struct Shared<T, const SIZE: usize> {
    pieces: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T: Clone, const SIZE: usize> Pieces<T, SIZE> {
    /// An empty list.
    pub fn new() -> Pieces<T, SIZE> {
        Pieces { pieces: Vec::new(), len: 0 }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: T) {
        if self.len.is_multiple_of(SIZE) {
            self.pieces.push(Piece::Own(Vec::with_capacity(SIZE)));
        }
        self.pieces[self.len / SIZE].own().push(value);
        self.len += 1;
    }

    /// The value at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.pieces.get(index / SIZE)? {
            Piece::Own(piece) => piece.get(index % SIZE),
            Piece::Shared(piece) => piece.get(index % SIZE),
        }
    }

    /// The value at `index`, which is there, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> &mut T {
        &mut self.pieces[index / SIZE].own()[index % SIZE]
    }

    /// What it is now. Takes time for each piece, but not for each value.
    pub fn share(&mut self) -> Shared<T, SIZE> {
        Shared { pieces: self.pieces.iter_mut().map(Piece::share).collect(), len: self.len }
    }
}

impl<T: Clone> Piece<T> {
    #[inline]
    fn own(&mut self) -> &mut Vec<T> {
        if let Piece::Shared(shared) = self {
            *self = Piece::taken(shared);
        }
        match self {
            Piece::Own(own) => own,
            Piece::Shared(_) => unreachable!("it was taken"),
        }
    }

    #[cold]
    fn taken(shared: &mut Arc<Vec<T>>) -> Piece<T> {
        Piece::Own(Arc::unwrap_or_clone(mem::take(shared)))
    }

    fn share(&mut self) -> Arc<Vec<T>> {
        if let Piece::Own(own) = self {
            *self = Piece::Shared(Arc::new(mem::take(own)));
        }
        match self {
            Piece::Shared(shared) => Arc::clone(shared),
            Piece::Own(_) => unreachable!("it was shared"),
        }
    }
}

impl<T, const SIZE: usize> Shared<T, SIZE> {
    /// How many values it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The value at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / SIZE)?.get(index % SIZE)
    }

    /// Bytes that it takes, beside what it has in common with an earlier one of the same list.
    pub fn bytes_beside(&self, earlier: Option<&Shared<T, SIZE>>) -> usize {
        let pieces = self.pieces.iter().enumerate();
        let is_same = |index, piece| {
            let same = earlier.and_then(|earlier| earlier.pieces.get(index));
            same.is_some_and(|same| Arc::ptr_eq(same, piece))
        };
        let own = pieces.filter(|&(index, piece)| !is_same(index, piece)).count();
        self.pieces.len() * size_of::<Arc<Vec<T>>>() + own * SIZE * size_of::<T>()
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type List = Pieces<u32, 4>;

    fn values(shared: &Shared<u32, 4>) -> Vec<u32> {
        assert_eq!(shared.len(), shared.iter().count());
        (0..shared.len()).map(|index| *shared.get(index).unwrap()).collect()
    }

    fn list(count: u32) -> List {
        let mut list = List::new();
        (0..count).for_each(|value| list.push(value));
        list
    }

    #[test]
    fn what_was_shared_stays_as_it_was_whatever_the_list_does() {
        let mut list = list(6);
        let first = list.share();
        *list.get_mut(1) = 10;
        (6..9).for_each(|value| list.push(value));
        let second = list.share();
        *list.get_mut(5) = 50;
        assert_eq!(values(&first), [0, 1, 2, 3, 4, 5]);
        assert_eq!(values(&second), [0, 10, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(values(&list.share()), [0, 10, 2, 3, 4, 50, 6, 7, 8]);
        assert_eq!((list.len(), list.get(8), list.get(9)), (9, Some(&8), None));
    }

    #[test]
    fn only_what_changes_is_copied() {
        let mut list = list(12);
        let first = list.share();
        *list.get_mut(5) = 50;
        let second = list.share();
        let same = |piece: usize| Arc::ptr_eq(&first.pieces[piece], &second.pieces[piece]);
        assert_eq!([0, 1, 2].map(same), [true, false, true]);
        assert_eq!(first.bytes_beside(None), 3 * 8 + 3 * 4 * 4);
        assert_eq!(second.bytes_beside(Some(&first)), 3 * 8 + 4 * 4);
        drop((first, second));
        let before: *const u32 = list.get(0).unwrap();
        *list.get_mut(0) = 7;
        assert_eq!(list.get(0).unwrap() as *const u32, before, "who shared it is gone");
    }
}
