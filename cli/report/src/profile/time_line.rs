//! The time lines of the files that a profile is merged from, as one.

use heaptrace_pprof::Source;
use heaptrace_pprof::time_line::{MOST_POINTS, Point};

/// The time line of all files together, with times since `began`, in nanoseconds since 1970. At each
/// moment it is the sum over the processes that were there: before its first point and after its last
/// a process had nothing.
pub fn merged(sources: &[Source], began: i64) -> Vec<Point> {
    let lines: Vec<Vec<Point>> = sources.iter().map(|source| line(source, began)).collect();
    match lines.iter().filter(|line| !line.is_empty()).count() {
        0 => Vec::new(),
        1 => lines.concat(),
        _ => sum(&lines),
    }
}

fn line(source: &Source, began: i64) -> Vec<Point> {
    let points = source.tables.time_line.as_ref().map(|line| line.points()).unwrap_or_default();
    let later = source.tables.time_nanos.saturating_sub(began);
    points.into_iter().map(|point| Point { at: point.at.saturating_add(later), ..point }).collect()
}

fn sum(lines: &[Vec<Point>]) -> Vec<Point> {
    let mut moments: Vec<i64> = lines.iter().flatten().map(|point| point.at).collect();
    moments.sort_unstable();
    moments.dedup();
    let every = moments.len().div_ceil(MOST_POINTS).max(1);
    // Whatever is left out, the last moment is there.
    let moments: Vec<i64> = moments.rchunks(every).rev().filter_map(|chunk| chunk.last().copied()).collect();
    let mut all: Vec<Point> = moments.iter().map(|&at| Point { at, ..Point::default() }).collect();
    for line in lines {
        add(line, &mut all);
    }
    all
}

/// Adds a process's points to those of all.
fn add(line: &[Point], all: &mut [Point]) {
    let Some(last) = line.last() else { return };
    let mut read = 0;
    for to in all {
        let before = read;
        read += line[read..].iter().take_while(|point| point.at <= to.at).count();
        let Some(now) = read.checked_sub(1).map(|index| line[index]) else { continue };
        // What it allocated stays so when it has ended; its memory does not.
        to.allocated = to.allocated.saturating_add(now.allocated);
        let most = line[before..read].iter().map(|point| point.most_in_use).max();
        let is_over = to.at > last.at;
        to.most_in_use = to.most_in_use.saturating_add(match most {
            Some(most) => most,
            None if is_over => 0,
            None => now.in_use,
        });
        if !is_over {
            to.in_use = to.in_use.saturating_add(now.in_use);
            to.resident = to.resident.saturating_add(now.resident);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: i64, in_use: i64, most_in_use: i64) -> Point {
        Point { at, in_use, most_in_use, allocated: 10 * at, resident: 100 * in_use }
    }

    #[test]
    fn processes_add_up_while_they_are_there() {
        let all = sum(&[vec![point(1, 1, 1), point(5, 2, 9)], vec![point(3, 4, 4), point(4, 5, 5)]]);
        let in_use: Vec<_> = all.iter().map(|point| (point.at, point.in_use, point.most_in_use)).collect();
        assert_eq!(in_use, [(1, 1, 1), (3, 5, 5), (4, 6, 6), (5, 2, 9)]);
        assert_eq!(all.iter().map(|point| point.allocated).collect::<Vec<_>>(), [10, 40, 50, 90]);
        assert_eq!(all[3].resident, 200);
    }

    #[test]
    fn many_long_lines_come_to_one_with_as_many_points_as_one_has() {
        let line = |first: i64| (0..1000).map(|i| point(first + 3 * i, i, i)).collect::<Vec<_>>();
        let lines: Vec<_> = (0..20).map(line).collect();
        let all = sum(&lines);
        assert!((MOST_POINTS / 2..=MOST_POINTS).contains(&all.len()));
        assert_eq!(all.last().unwrap().at, 19 + 3 * 999);
        let most = all.iter().map(|point| point.most_in_use).max().unwrap();
        assert!((19 * 999..=20 * 999).contains(&most), "{most}");
    }
}
