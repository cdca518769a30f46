//! The cohorts of a sample: its sampled blocks by when they were born, so that of a stack can be told
//! whether it leaks, caches, or only started up.
//!
//! Fields of numbers that pprof's format does not use, as that of the [time line](crate::time_line):
//!
//! ```proto
//! message Profile {
//!   …
//!   repeated int64 eras = 1002;     // when each era began, in nanoseconds since time_nanos, ascending;
//!                                   // each ends where the next begins, the last with the profile
//! }
//!
//! message Sample {
//!   …
//!   optional Cohorts cohorts = 1001;
//! }
//!
//! message Cohorts {
//!   // Five numbers for each era in which the sample's stack did anything, in order: which of
//!   // Profile.eras it is, how many blocks were born in it, how many of those are in use at the
//!   // profile's end, how many blocks were in use at the era's end whenever born, and how many of those
//!   // were born before it. They count sampled blocks, of which each stands for more.
//!   repeated int64 rows = 1;
//!   optional int64 last_freed = 2;  // when a block was freed last, in nanoseconds since time_nanos
//! }
//! ```
//!
//! Samples of which nothing is in use have none.
//!
//! An era is a third as long as all that went before it, so a run of days has some fifty. When a block
//! was born the program knows, to the era; when it was freed the collector knows by when it read that,
//! which is at most a fiftieth of the run later, and at most a second.

/// The message of a sample: see the module's documentation. [`Cohorts::rows`] has the same as rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Cohorts {
    /// Five numbers for each.
    #[prost(int64, repeated, tag = "1")]
    pub rows: Vec<i64>,
    /// When a block was freed last.
    #[prost(int64, optional, tag = "2")]
    pub last_freed: Option<i64>,
}

/// More eras than any writer has: a reader takes no more.
pub const MOST_ERAS: usize = 1 << 10;
/// Numbers of a row.
const ROW: usize = 5;

/// The blocks of a stack by one era.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cohort {
    /// Which era.
    pub era: usize,
    /// Born in it.
    pub born: i64,
    /// Of those, in use now.
    pub alive: i64,
    /// In use at its end, whenever born.
    pub in_use: i64,
    /// Of those, born before it.
    pub older: i64,
}

impl Cohorts {
    /// The message of these rows.
    pub fn of(rows: impl IntoIterator<Item = Cohort>, last_freed: Option<i64>) -> Cohorts {
        let rows = rows.into_iter();
        let mut numbers = Vec::with_capacity(rows.size_hint().1.unwrap_or(0) * ROW);
        for row in rows {
            numbers.extend([row.era as i64, row.born, row.alive, row.in_use, row.older]);
        }
        Cohorts { rows: numbers, last_freed }
    }

    /// A row for each of `eras` eras. What a file says is not trusted: what makes no sense is left out.
    pub fn rows(&self, eras: usize) -> Vec<Cohort> {
        let mut told = self.rows.as_chunks::<ROW>().0.iter().map(|&[era, numbers @ ..]| {
            let era = usize::try_from(era).unwrap_or(usize::MAX);
            let [born, alive, in_use, older] = numbers.map(|number| number.clamp(0, 1 << 48));
            Cohort { era, born, alive, in_use, older }
        });
        let mut next = told.next();
        let mut in_use = 0;
        let row = |era| match next.take_if(|row| row.era <= era) {
            Some(row) => {
                next = told.next();
                in_use = row.in_use;
                Cohort { era, ..row }
            }
            // Nothing happened in it: all that was there is older.
            None => Cohort { era, in_use, older: in_use, ..Cohort::default() },
        };
        (0..eras).map(row).collect()
    }

    /// Adds those of another sample of the same profile.
    pub fn add(&mut self, other: &Cohorts) {
        let last = |cohorts: &Cohorts| {
            cohorts.rows.as_chunks::<ROW>().0.iter().map(|row| row[0]).max().unwrap_or(-1)
        };
        let eras = usize::try_from(last(self).max(last(other)).min(MOST_ERAS as i64 - 1) + 1).unwrap_or(0);
        let mut rows = self.rows(eras);
        for (row, more) in rows.iter_mut().zip(other.rows(eras)) {
            row.born += more.born;
            row.alive += more.alive;
            row.in_use += more.in_use;
            row.older += more.older;
        }
        *self = Cohorts::of(rows, self.last_freed.max(other.last_freed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [Cohort; 2] = [
        Cohort { era: 1, born: 5, alive: 2, in_use: 4, older: 0 },
        Cohort { era: 3, born: 1, alive: 1, in_use: 3, older: 2 },
    ];

    #[test]
    fn eras_in_which_nothing_happened_have_what_was_there() {
        let rows = Cohorts::of(ROWS, None).rows(5);
        let of = |era, in_use, older| Cohort { era, in_use, older, ..Cohort::default() };
        assert_eq!(rows, [of(0, 0, 0), ROWS[0], of(2, 4, 4), ROWS[1], of(4, 3, 3)]);
    }

    #[test]
    fn samples_add_up_era_by_era() {
        let mut sum = Cohorts::of([ROWS[0]], Some(7));
        sum.add(&Cohorts::of([ROWS[1]], None));
        assert_eq!(sum.last_freed, Some(7));
        let rows = sum.rows(4);
        assert_eq!(rows.iter().map(|row| row.in_use).collect::<Vec<_>>(), [0, 4, 4, 7]);
        assert_eq!(rows.iter().map(|row| row.older).collect::<Vec<_>>(), [0, 0, 4, 6]);
    }

    #[test]
    fn nonsense_comes_to_something_bounded() {
        let mut wild = Cohorts::of([ROWS[1], ROWS[0]], None);
        wild.rows[1] = i64::MIN;
        wild.rows[6] = i64::MAX;
        wild.rows.push(i64::MAX);
        assert_eq!(wild.rows(4).len(), 4);
        assert!(wild.rows(4).iter().all(|row| row.alive >= 0 && row.born <= 1 << 48));
    }
}
