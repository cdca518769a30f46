//! The heap of a process over time: points that the collector notes as it looks, without the program's
//! help, bounded in number however long the process runs.

use std::time::{Duration, Instant};

use heaptrace_channel::sys::PAGE;
use heaptrace_pprof::time_line::{MOST_POINTS, Point};

use crate::live::Totals;
use crate::summary::Memory;

/// The time line of a process in the making.
#[derive(Debug)]
pub struct TimeLine {
    points: Vec<Point>,
    /// Least time between two points. It doubles when they become too many.
    interval: Duration,
    /// When it was taken on, and how long after its beginning.
    taken_on: (Instant, Duration),
}

impl TimeLine {
    /// The time between the first points.
    const FINEST: Duration = Duration::from_millis(1);

    /// That of a process which is taken on now and has been recorded for `before`.
    pub fn new(before: Duration) -> TimeLine {
        TimeLine { points: Vec::new(), interval: TimeLine::FINEST, taken_on: (Instant::now(), before) }
    }

    /// How long the process has been recorded.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.taken_on.0).saturating_add(self.taken_on.1)
    }

    /// Is it time for another point?
    pub fn is_due(&self, age: Duration) -> bool {
        self.points.last().is_none_or(|last| nanos(age) - last.at >= nanos(self.interval))
    }

    /// Adds a point.
    pub fn add(&mut self, point: Point) {
        while self.points.len() >= MOST_POINTS {
            self.interval *= 2;
            self.thin();
        }
        self.points.push(point);
    }

    /// All points up to a moment, and last the one of that.
    pub fn until(&self, last: Point) -> Vec<Point> {
        let before = &self.points[..self.points.partition_point(|point| point.at <= last.at)];
        // What the one at the end says of before, this one says too, if there is room for one only.
        let (kept, left_out) = before.split_at(before.len().min(MOST_POINTS - 1));
        let left_out = left_out.iter().map(|point| point.most_in_use).max();
        let most_in_use = last.most_in_use.max(left_out.unwrap_or(0));
        kept.iter().copied().chain([Point { most_in_use, ..last }]).collect()
    }

    /// Leaves out points that follow others too soon.
    fn thin(&mut self) {
        let (mut last, mut most) = (i64::MIN, 0);
        let interval = nanos(self.interval);
        self.points.retain_mut(|point| {
            most = point.most_in_use.max(most);
            let is_kept = point.at.saturating_sub(last) >= interval;
            if is_kept {
                (last, point.most_in_use, most) = (point.at, most, 0);
            }
            is_kept
        });
        if let Some(point) = self.points.last_mut() {
            point.most_in_use = point.most_in_use.max(most); // of those that were left out behind it
        }
    }
}

/// A point of a process that has been recorded for `age`; of its resident set nothing is known.
pub fn point(age: Duration, totals: Totals) -> Point {
    let bytes = |value: f64| value.round() as i64;
    Point {
        at: nanos(age),
        in_use: bytes(totals.in_use),
        most_in_use: bytes(totals.most_in_use),
        allocated: bytes(totals.allocated),
        resident: 0,
    }
}

/// The resident set of a process in bytes; 0 if it is not to be known, or the process has ended.
pub fn resident(pid: u32) -> u64 {
    let read = std::fs::read_to_string(format!("/proc/{pid}/statm"));
    let pages = read.ok().and_then(|text| text.split(' ').nth(1)?.parse().ok());
    pages.unwrap_or(0u64).saturating_mul(PAGE as u64)
}

/// The largest resident set of a process so far in bytes, as [`resident`].
pub fn most_resident(pid: u32) -> u64 {
    let read = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = read.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0u64).saturating_mul(1024)
}

/// What a time line says of the memory of its process, of whose largest resident set the kernel has told too, or
/// has not, which is 0.
pub fn memory(points: &[Point], most_resident: u64) -> Memory {
    let bytes =
        |of: fn(&Point) -> i64| points.iter().map(of).filter(|&bytes| bytes > 0).map(i64::cast_unsigned);
    Memory {
        most_in_use: bytes(|point| point.most_in_use).max().unwrap_or(0),
        resident: bytes(|point| point.resident).next_back().unwrap_or(0),
        most_resident: bytes(|point| point.resident).max().unwrap_or(0).max(most_resident),
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_resident_at_the_end_is_the_last_that_was_seen() {
        let at = |most_in_use, resident| Point { most_in_use, resident, ..Point::default() };
        let points = [at(5, 10), at(9, 80), at(3, 40), at(0, 0)];
        for (told, most_resident) in [(0, 80), (70, 80), (90, 90)] {
            assert_eq!(memory(&points, told), Memory { most_in_use: 9, resident: 40, most_resident });
        }
        assert_eq!(memory(&[], 0), Memory::default());
    }

    /// What `seconds` of a process leave that is looked at every `step`, its heap growing by a byte each
    /// time, but for a spike in the middle.
    fn line(seconds: u64, step: Duration) -> (TimeLine, u64) {
        let mut line = TimeLine::new(Duration::ZERO);
        let (end, mut age, mut looks) = (Duration::from_secs(seconds), Duration::ZERO, 0u64);
        let mut most = 0.0f64;
        while age < end {
            looks += 1;
            let in_use = looks as f64;
            most = most.max(if age < end / 2 && age + step >= end / 2 { 1e9 } else { in_use });
            if line.is_due(age) {
                line.add(point(age, Totals { in_use, most_in_use: most, allocated: 2.0 * in_use }));
                most = 0.0;
            }
            age += step;
        }
        (line, looks)
    }

    #[test]
    fn a_run_of_any_length_leaves_a_bounded_number_of_points_that_cover_all_of_it() {
        for (seconds, step) in [(1, 500), (60, 10_000), (6 * 86_400, 1_000_000)] {
            let (line, looks) = line(seconds, Duration::from_micros(step));
            let count = line.points.len();
            assert!((MOST_POINTS / 2..=MOST_POINTS).contains(&count), "{count} points in {seconds} s");
            let ats: Vec<_> = line.points.iter().map(|point| point.at).collect();
            let widest = ats.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            let whole = nanos(Duration::from_secs(seconds));
            assert!(ats.is_sorted() && widest <= whole / 200, "{widest} of {whole}");
            assert!(whole - ats[count - 1] <= widest);
            assert!(line.points[count - 1].in_use as u64 > looks - looks / 100);
            let most = line.points.iter().map(|point| point.most_in_use).max();
            assert_eq!(most, Some(1_000_000_000), "the spike is kept");
        }
    }

    #[test]
    fn a_process_of_a_millisecond_has_the_point_of_its_end() {
        let line = TimeLine::new(Duration::from_micros(300));
        let totals = Totals { in_use: 1.0, most_in_use: 7.0, allocated: 9.0 };
        let last = point(line.age(line.taken_on.0), totals);
        assert_eq!(line.until(last), [last]);
        assert_eq!(last, Point { at: 300_000, in_use: 1, most_in_use: 7, allocated: 9, resident: 0 });
    }

    #[test]
    fn the_last_point_takes_the_place_of_one_where_there_are_as_many_as_may_be() {
        let (mut line, _) = line(1, TimeLine::FINEST);
        assert_eq!(line.points.len(), MOST_POINTS);
        line.points[MOST_POINTS - 1].most_in_use = 77_000_000_000;
        let last = point(Duration::from_secs(1), Totals::default());
        let points = line.until(last);
        assert_eq!(points.len(), MOST_POINTS);
        assert_eq!(points[MOST_POINTS - 1], Point { most_in_use: 77_000_000_000, ..last });
    }

    #[test]
    fn of_a_moment_that_is_over_there_is_nothing_after_it() {
        let mut line = TimeLine::new(Duration::ZERO);
        let at = |millis| point(Duration::from_millis(millis), Totals::default());
        [1, 5, 9].into_iter().for_each(|millis| line.add(at(millis)));
        assert_eq!(line.until(at(6)), [at(1), at(5), at(6)]);
    }

    #[test]
    fn a_process_that_lives_has_a_resident_set_and_one_that_does_not_has_none() {
        let own = std::process::id();
        assert!(resident(own) > 100 << 10 && most_resident(own) >= resident(own));
        assert_eq!((resident(u32::MAX), most_resident(u32::MAX)), (0, 0));
    }
}
