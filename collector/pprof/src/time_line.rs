//! The time line of a profile: the heap over the whole recording, at some hundred moments.
//!
//! `profile.proto` has nothing like it, so it is a field with a number that pprof's format does not
//! use, and which its readers pass over (go tool pprof, Parca, Pyroscope, Grafana Alloy): what they
//! show is the same with and without. Who writes a profile anew, as `pprof -proto` does, drops it.
//! A comment would survive that, but it would be shown as text.
//!
//! ```proto
//! message Profile {
//!   …
//!   optional TimeLine time_line = 1001;
//! }
//!
//! // Columns of equal length, a row for each moment, in the order of time.
//! message TimeLine {
//!   repeated int64 at = 1;           // nanoseconds since Profile.time_nanos
//!   repeated int64 in_use = 2;       // bytes in use, estimated
//!   repeated int64 most_in_use = 3;  // the most bytes in use since the moment before
//!   repeated int64 allocated = 4;    // bytes allocated up to then, estimated
//!   repeated int64 resident = 5;     // resident set of the process in bytes; 0: not known
//! }
//! ```
//!
//! Its writer has at most [`MOST_POINTS`] rows; a reader takes what there is.

/// Most points of a time line that heaptrace writes.
pub const MOST_POINTS: usize = 1000;

/// The message: see the module's documentation. [`TimeLine::points`] has the same as rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TimeLine {
    /// When it was.
    #[prost(int64, repeated, tag = "1")]
    pub at: Vec<i64>,
    /// Bytes in use.
    #[prost(int64, repeated, tag = "2")]
    pub in_use: Vec<i64>,
    /// The most of them since the moment before.
    #[prost(int64, repeated, tag = "3")]
    pub most_in_use: Vec<i64>,
    /// Bytes allocated up to then.
    #[prost(int64, repeated, tag = "4")]
    pub allocated: Vec<i64>,
    /// The resident set.
    #[prost(int64, repeated, tag = "5")]
    pub resident: Vec<i64>,
}

/// A moment of a time line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Nanoseconds since the recording began.
    pub at: i64,
    /// Bytes in use.
    pub in_use: i64,
    /// The most bytes in use since the point before.
    pub most_in_use: i64,
    /// Bytes allocated up to then.
    pub allocated: i64,
    /// The resident set in bytes; 0 if it is not known.
    pub resident: i64,
}

impl TimeLine {
    /// The message of these points; `None` of none.
    pub fn of(points: &[Point]) -> Option<TimeLine> {
        let column = |of: fn(&Point) -> i64| points.iter().map(of).collect();
        let line = TimeLine {
            at: column(|point| point.at),
            in_use: column(|point| point.in_use),
            most_in_use: column(|point| point.most_in_use),
            allocated: column(|point| point.allocated),
            resident: column(|point| point.resident),
        };
        (!points.is_empty()).then_some(line)
    }

    /// The rows of which all columns are there, in the order of time. What a file says is not trusted:
    /// a row that goes back in time is left out, and nothing is less than nothing.
    pub fn points(&self) -> Vec<Point> {
        let columns = self.at.iter().zip(&self.in_use).zip(&self.most_in_use);
        let rows = columns.zip(&self.allocated).zip(&self.resident);
        let mut last = i64::MIN;
        rows.map(|((((&at, &in_use), &most_in_use), &allocated), &resident)| Point {
            at,
            in_use: in_use.max(0),
            most_in_use: most_in_use.max(in_use).max(0),
            allocated: allocated.max(0),
            resident: resident.max(0),
        })
        .filter(|point| {
            let before = last;
            last = before.max(point.at);
            point.at >= before
        })
        .collect()
    }

    /// How many numbers it holds.
    pub(crate) fn numbers(&self) -> usize {
        [&self.at, &self.in_use, &self.most_in_use, &self.allocated, &self.resident]
            .map(Vec::len)
            .iter()
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64, in_use: i64) -> Point {
        Point { at, in_use, most_in_use: in_use + 1, allocated: 2 * in_use, resident: 0 }
    }

    #[test]
    fn points_read_back() {
        let points = [point(1, 5), point(1, 6), point(9, 0)];
        assert_eq!(TimeLine::of(&points).unwrap().points(), points);
        assert_eq!(TimeLine::of(&[]), None);
    }

    #[test]
    fn of_a_line_that_makes_no_sense_what_does_is_taken() {
        let mut line = TimeLine::of(&[point(5, 1), point(4, 2), point(6, -3), point(7, 4)]).unwrap();
        line.resident.pop();
        let nothing = Point { at: 6, ..Point::default() };
        assert_eq!(line.points(), [point(5, 1), nothing]);
    }
}
