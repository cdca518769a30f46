//! The heap over time, in as many columns as a line has room for.

use heaptrace_pprof::time_line::Point;

/// A row of columns, each for the same length of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverTime {
    /// The most bytes in use in each column's time.
    pub columns: Vec<i64>,
    /// The largest resident set, if it is known.
    pub resident: Option<i64>,
}

impl OverTime {
    /// The line of `points` in `width` columns; `None` where they are too few to show anything.
    pub fn new(points: &[Point], width: usize) -> Option<OverTime> {
        let [first, .., last] = points else { return None };
        // What happened before the first point, happened since the beginning.
        let begin = first.at.min(0);
        let length = i128::from(last.at) - i128::from(begin);
        if length <= 0 {
            return None;
        }
        let column = |at: i64| ((i128::from(at) - i128::from(begin)) * width as i128 - 1).max(0) / length;
        let mut columns = vec![None; width];
        for point in points {
            let most: &mut Option<i64> = &mut columns[(column(point.at) as usize).min(width - 1)];
            *most = Some(most.unwrap_or(0).max(point.most_in_use));
        }
        // Where nobody looked, nothing had happened.
        let mut in_use = 0;
        let mut next = points.iter().peekable();
        let filled = columns.iter().enumerate().map(|(index, most)| {
            while let Some(point) = next.next_if(|point| column(point.at) as usize <= index) {
                in_use = point.in_use;
            }
            most.unwrap_or(in_use)
        });
        let columns = filled.collect();
        let resident = points.iter().map(|point| point.resident).max().filter(|&bytes| bytes > 0);
        Some(OverTime { columns, resident })
    }

    /// The most bytes in use.
    pub fn most(&self) -> i64 {
        self.columns.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(i64, i64, i64)]) -> Vec<Point> {
        let point = |&(at, in_use, most_in_use)| Point { at, in_use, most_in_use, ..Point::default() };
        of.iter().map(point).collect()
    }

    fn columns(of: &[(i64, i64, i64)], width: usize) -> Vec<i64> {
        OverTime::new(&points(of), width).unwrap().columns
    }

    #[test]
    fn each_column_has_the_most_of_its_time_and_else_what_was_there() {
        assert_eq!(columns(&[(10, 1, 5), (20, 2, 2), (40, 0, 8)], 4), [5, 2, 2, 8]);
        assert_eq!(columns(&[(5, 1, 1), (10, 2, 3), (20, 4, 4), (21, 5, 5)], 2), [3, 5]);
        assert_eq!(columns(&[(1, 7, 7), (4, 3, 3)], 4), [7, 7, 7, 3]);
    }

    #[test]
    fn a_single_point_is_no_line() {
        assert_eq!(OverTime::new(&points(&[(5, 1, 1)]), 10), None);
        assert_eq!(OverTime::new(&points(&[(0, 1, 1), (0, 1, 1)]), 10), None);
        assert_eq!(OverTime::new(&[], 10), None);
    }

    #[test]
    fn times_of_any_size_have_their_column() {
        assert_eq!(columns(&[(i64::MIN, 1, 1), (-1, 2, 2), (i64::MAX, 3, 3)], 2), [2, 3]);
    }
}
