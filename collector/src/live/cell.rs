//! What is known of one stack and size class.

use super::ages::Ages;

/// Objects and bytes, each a sum of weights.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Amount {
    pub objects: f64,
    pub space: f64,
}

impl Amount {
    pub fn add(&mut self, (objects, space): (f64, f64)) {
        self.objects += objects;
        self.space += space;
    }

    /// Takes away, below nothing too: a free can be read before its allocation, if that was in another
    /// thread of the same epoch.
    pub fn take(&mut self, (objects, space): (f64, f64)) {
        self.objects -= objects;
        self.space -= space;
    }

    /// What is there: not less than nothing, though a hostile program may free what it never allocated.
    pub fn shown(self) -> (f64, f64) {
        (self.objects.max(0.0), self.space.max(0.0))
    }
}

/// What is known of one stack and size class: the sums in one cache line, the ages in another.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
pub struct Cell {
    /// Samples taken.
    pub samples: u64,
    pub allocated: Amount,
    pub in_use: Amount,
    /// In use at peak number `peak_number`; if that is not the latest, `in_use` still is.
    at_peak: Amount,
    peak_number: u64,
    pub ages: Ages,
}

const _: () = assert!(std::mem::offset_of!(Cell, ages) == 64 && size_of::<Cell>() == 128);

impl Cell {
    /// Before its first change after a peak, a cell still has in use what it had then: that is kept.
    pub fn keep_peak(&mut self, latest: u64) {
        if self.peak_number != latest {
            self.at_peak = self.in_use;
            self.peak_number = latest;
        }
    }

    /// What was in use at peak number `latest`.
    pub fn at_peak(&self, latest: u64) -> Amount {
        if self.peak_number == latest { self.at_peak } else { self.in_use }
    }
}
