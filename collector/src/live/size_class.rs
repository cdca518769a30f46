//! Size classes: sizes rounded up, four classes to each doubling, so that a class stands for its
//! sizes within 25%.

/// The number of a size class, in the order of their sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeClass(u8);

impl SizeClass {
    /// The class of a block.
    #[inline]
    pub fn of(size: u64) -> SizeClass {
        // Class 0 is for no bytes and class 1 for 1 to 8. From there on a class is told by the first
        // three bits of the size less one, and by how many bits follow. No branch: the sizes of a
        // program come in no order.
        let last = size.saturating_sub(1).max(7);
        let log = last.ilog2();
        let class = 4 * log + (last >> (log - 2)) as u32 - 14 - u32::from(size == 0);
        SizeClass(class as u8)
    }

    /// Its largest size in bytes.
    pub fn largest(self) -> u64 {
        match u32::from(self.0) {
            class @ 0..2 => u64::from(class) * 8,
            class => {
                let (log, first_bits) = ((class + 10) / 4, (class + 10) % 4 + 4);
                (u64::from(first_bits) << (log - 2)).saturating_add(1 << (log - 2))
            }
        }
    }

    /// Its number, at most [`u8::MAX`].
    #[inline]
    pub fn number(self) -> usize {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(size: u64) -> u64 {
        SizeClass::of(size).largest()
    }

    #[test]
    fn size_classes_are_within_a_quarter_above_their_sizes() {
        assert_eq!([0, 1, 8, 9, 16, 17, 100, 1 << 20].map(rounded), [0, 8, 8, 10, 16, 20, 112, 1 << 20]);
        for size in 9..100_000 {
            let class = rounded(size);
            assert!(class >= size && class as f64 <= size as f64 * 1.25 && rounded(class) == class, "{size}");
        }
    }

    #[test]
    fn classes_are_numbered_in_order_without_a_gap() {
        let mut numbers: Vec<_> = (0..100_000).map(|size| SizeClass::of(size).number()).collect();
        numbers.dedup();
        assert!(numbers.iter().copied().eq(0..numbers.len()));
    }

    #[test]
    fn the_largest_size_has_a_class() {
        let class = SizeClass::of(u64::MAX);
        assert_eq!(class.largest(), u64::MAX);
    }
}
