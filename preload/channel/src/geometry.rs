//! How large the parts of a segment are.

use crate::ring::MAX_RINGS;

/// How large the parts are that depend on the work: powers of two, but for the number of rings.
///
/// A segment is as large as it will be, because there is no way to map more of it without a descriptor.
/// The memory is sparse: a page that nobody wrote costs nothing but addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Geometry {
    /// Rings: the shared one, and one for each processor that the program may run on. Any number.
    pub rings: u32,
    /// Slots of each ring, 16 bytes each.
    pub ring_slots: u32,
    /// Stacks of which frees may be summed that found no room in the ring, 24 bytes each.
    pub lost_frees: u32,
}

impl Geometry {
    /// What suits a sampling rate (mean bytes between samples, 1 for all) and a program that may run on
    /// so many processors.
    ///
    /// At the default rate of 512 KiB a full ring of 8,192 events stands for 2 GiB allocated and freed
    /// by one processor between two looks of the collector, which is woken when a quarter is unread. All
    /// rings together have at most a quarter of a million slots, 4 MiB, and at low rates half a million.
    pub const fn for_rate(rate: u64, processors: u32) -> Geometry {
        let processors = if processors < MAX_RINGS as u32 { processors } else { MAX_RINGS as u32 - 1 };
        let rings = 1 + processors;
        let is_fine = rate < 16 * 1024;
        let (all, most, lost_frees) =
            if is_fine { (1 << 19, 1 << 16, 1 << 13) } else { (1 << 18, 1 << 13, 1 << 12) };
        let share = all / rings.next_power_of_two();
        Geometry { rings, ring_slots: if share < most { share } else { most }, lost_frees }
    }

    /// What suits a program that may have little memory.
    pub const SMALLEST: Geometry = Geometry { rings: 1, ring_slots: 1 << 12, lost_frees: 1 << 10 };

    /// Is it one that a library can have made?
    pub(crate) const fn is_valid(self) -> bool {
        0 < self.rings
            && self.rings <= MAX_RINGS as u32
            && self.ring_slots.is_power_of_two()
            && self.lost_frees.is_power_of_two()
            && 4 <= self.ring_slots
            && self.ring_slots <= 1 << 20
            && self.lost_frees <= 1 << 24
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_processor_has_a_ring_as_long_as_all_of_them_stay_small() {
        const MOST: u32 = MAX_RINGS as u32;
        let of = |rate, processors| {
            let Geometry { rings, ring_slots, lost_frees } = Geometry::for_rate(rate, processors);
            (rings, ring_slots, lost_frees)
        };
        for (rate, lost_frees) in [(16 << 10, 1 << 12), (512 << 10, 1 << 12), (1, 1 << 13), (16_383, 1 << 13)]
        {
            let (all, most) = if lost_frees == 1 << 12 { (1 << 18, 1 << 13) } else { (1 << 19, 1 << 16) };
            assert_eq!(of(rate, 1), (2, most, lost_frees));
            assert_eq!(of(rate, 127), (128, all / 128, lost_frees));
            for processors in [MOST - 1, MOST, MOST + 1, u32::MAX] {
                assert_eq!(of(rate, processors), (MOST, all / 512, lost_frees), "{processors}");
            }
        }
    }

    #[test]
    fn a_geometry_that_no_library_makes_is_refused() {
        const MOST: u32 = MAX_RINGS as u32;
        let good = Geometry { rings: MOST, ring_slots: 1 << 20, lost_frees: 1 << 24 };
        assert!(good.is_valid() && Geometry { rings: 1, ring_slots: 4, lost_frees: 1 }.is_valid());
        for bad in [
            Geometry { rings: 0, ..good },
            Geometry { rings: MOST + 1, ..good },
            Geometry { ring_slots: 2, ..good },
            Geometry { ring_slots: 12, ..good },
            Geometry { ring_slots: 1 << 21, ..good },
            Geometry { lost_frees: 0, ..good },
            Geometry { lost_frees: 12, ..good },
            Geometry { lost_frees: 1 << 25, ..good },
        ] {
            assert!(!bad.is_valid(), "{bad:?}");
        }
    }
}
