//! How to see more of a program than its profile tells.

use heaptrace_channel::config::RateText;
use heaptrace_channel::weight::{FEW_SAMPLES, OFF, finer_rate};
use heaptrace_collector::recording::Counters;
use heaptrace_collector::summary::{Malloc, Written};

use super::numbers::{bytes, samples};
use super::unrecorded::OWN_MALLOC;

/// A resident set that is not worth a word: what any program has.
const SMALL: u64 = 32 << 20;

/// How to see more of the program.
pub fn advice(program: &Written) -> Option<String> {
    let Written { name, rate, counters: Counters { samples: count, .. }, memory, .. } = program;
    let name = name.display();
    if *rate == OFF {
        return (*count == 0).then(|| {
            format!("no samples: {name} was dormant; heaptrace rate PID 64KiB wakes it while it runs")
        });
    }
    let finer = finer_rate(*rate, *count).map(RateText);
    // Where the resident set is so much larger than what malloc was asked for, more samples do not tell of it.
    let is_elsewhere = memory.most_resident > SMALL && memory.most_resident / 4 > memory.most_in_use;
    let elsewhere = || {
        let resident = bytes(memory.most_resident);
        format!(
            "its resident set of {resident} is memory that it maps by itself (mmap), or that of {OWN_MALLOC}"
        )
    };
    match (program.malloc, count, finer) {
        (Malloc::Unseen, ..) => None,
        (Malloc::Own, 0, _) => Some(format!("{name} has {OWN_MALLOC}")),
        (Malloc::NeverCalled, ..) if is_elsewhere => {
            Some(format!("{name} never called malloc: {}", elsewhere()))
        }
        (Malloc::NeverCalled, ..) => {
            Some(format!("{name} never called malloc; if it does allocate, it has {OWN_MALLOC}"))
        }
        (_, 0, _) if is_elsewhere => Some(format!(
            "no samples: {name} allocated hardly {} with malloc; {}",
            RateText(*rate),
            elsewhere()
        )),
        (_, 0, Some(_)) => {
            let or = if memory.most_resident == 0 { format!(", or has {OWN_MALLOC}") } else { String::new() };
            let rate = RateText(*rate);
            Some(format!(
                "no samples: {name} allocated hardly {rate} with malloc{or}. To see every call: heaptrace run --rate 1 …"
            ))
        }
        (_, 1..FEW_SAMPLES, _) if is_elsewhere => {
            Some(format!("only {}, as {name} allocated little with malloc; {}", samples(*count), elsewhere()))
        }
        (_, 1..FEW_SAMPLES, Some(finer)) => Some(format!(
            "only {}; to see more, sample more often: heaptrace run --rate {finer} …",
            samples(*count)
        )),
        _ => None,
    }
}
