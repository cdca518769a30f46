//! A profile that a server will take.
//!
//! The limits are those that Pyroscope has unless its operator says otherwise: nobody else has tighter
//! ones. What is above them is refused as a whole, so the smallest stacks become one, which keeps the sums.

use heaptrace_collector::recording::Recording;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_collector::{Form, add_up_sizes, keep_largest, profile, shorten, symbols};
use heaptrace_pprof::proto::Profile;
use heaptrace_pprof::size;

/// `validation.max-profile-stacktrace-samples`.
const MOST_SAMPLES: usize = 16_000;
/// `validation.max-profile-stacktrace-depth`: of what is deeper the innermost frames would be cut off.
const MOST_FRAMES: usize = 1000;
/// What is larger than `distributor.ingestion-burst-size-mb`, uncompressed and with its labels, never gets
/// through. It is 2 MiB; `validation.max-profile-size-bytes` is 4 MiB.
const MOST_BYTES: usize = 2_000_000;

/// The profile of a recording; `None` if there is nothing in it. Sizes of blocks are added up, as they are
/// numbers, which are thrown away or make a series each.
pub fn fitting(mut recording: Recording, symbolizer: &Symbolizer) -> Option<Profile> {
    add_up_sizes(&mut recording.rows);
    shorten(&mut recording.rows, &mut recording.stacks, MOST_FRAMES);
    let symbols = symbols(&recording, symbolizer);
    let mut most = MOST_SAMPLES.min(recording.rows.len());
    loop {
        let mut fitted = recording.clone();
        keep_largest(&mut fitted.rows, &mut fitted.stacks, most);
        let made = profile(&fitted, &symbols, Form::LIVE);
        let size = size(&made);
        if size <= MOST_BYTES || most <= 1 {
            return (!made.sample.is_empty()).then_some(made);
        }
        // The smaller ones take about as much room each; one step less in any case.
        most = (most.saturating_mul(MOST_BYTES) / size * 9 / 10).clamp(1, most - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use heaptrace_collector::recording::{Counters, Frame, StackNumber, StackSamples, Stacks, Values};
    use heaptrace_collector::symbolize::Options;

    use super::*;

    /// With stacks of so many frames, each of which has its own, two classes of sizes and one byte.
    fn recording(count: u64, frames: u64) -> Recording {
        let (mut stacks, mut rows) = (Stacks::default(), Vec::new());
        for number in 0..count {
            let frame = |level| Frame { address: 16 + number * frames + level, module: None };
            let stack =
                (0..frames).fold(StackNumber::default(), |caller, level| stacks.add(caller, frame(level)));
            for size in [8, 16] {
                let values = Values { alloc_space: 0.5, inuse_objects: 1.0, ..Values::default() };
                rows.push(StackSamples { stack, size_class: Some(size), values, cohorts: None });
            }
        }
        Recording {
            pid: 7,
            command: Vec::new(),
            executable: PathBuf::new(),
            started: SystemTime::now(),
            duration: Duration::ZERO,
            is_change: false,
            rate: 1,
            rates: None,
            counters: Counters::default(),
            most_resident: 0,
            modules: Vec::new(),
            stacks,
            rows,
            time_line: Vec::new(),
            eras: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_large_is_made_to_fit_and_the_sums_stay() {
        let symbolizer = Symbolizer::new(&Options::default());
        for (count, frames, is_whole) in
            [(100, 5, true), (40_000, 2, false), (8000, 100, false), (1, 5000, false)]
        {
            let profile = fitting(recording(count, frames), &symbolizer).unwrap();
            let (samples, bytes) = (&profile.sample, size(&profile));
            assert!(samples.len() <= MOST_SAMPLES && bytes <= MOST_BYTES, "{} {bytes}", samples.len());
            assert!(
                count < 2 || bytes > MOST_BYTES / 2 || samples.len() == MOST_SAMPLES || is_whole,
                "{bytes}: more than had to go"
            );
            assert!(samples.iter().all(|sample| sample.location_id.len() <= MOST_FRAMES));
            let sum = |at: usize| samples.iter().map(|sample| sample.value[at]).sum::<i64>();
            assert_eq!((sum(1), sum(2)), (count as i64, 2 * count as i64), "{count} of {frames}");
            assert_eq!(samples.len() as u64 == count && frames < 1000, is_whole);
        }
        assert_eq!(fitting(recording(0, 0), &symbolizer), None);
    }
}
