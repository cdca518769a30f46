//! Marks: moments of a process that were given names, by the program itself or by a command, to take
//! differences to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use heaptrace_channel::marks::{MAX_MARK, Mark, MarkPart, is_name};
use heaptrace_channel::processes::Process;

use crate::snapshot::Taken;

/// Marks that are kept of an image: one a request may come for days.
const MOST: usize = 4096;

/// Bytes that they may keep from being given back, beside what they have in common with each other.
const MOST_BYTES: usize = 64 << 20;

/// The marks of an image's processes. What has not changed between two they share.
#[derive(Debug, Default)]
pub struct Marks {
    /// In the order in which they came.
    all: BTreeMap<u64, Marked>,
    /// Where each is, by its process's number in the image and its name.
    places: HashMap<(u64, Arc<str>), u64>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Marked {
    number: u64,
    name: Arc<str>,
    taken: Taken,
    /// What it has that the one before has not.
    bytes: usize,
}

impl Marks {
    /// Keeps a moment of a process under a name, which is another one's no more; of too many the oldest go.
    pub fn keep(&mut self, number: u64, name: &str, taken: Taken) {
        let name: Arc<str> = name.into();
        if let Some(place) = self.places.insert((number, Arc::clone(&name)), self.next) {
            self.bytes -= self.all.remove(&place).map_or(0, |same| same.bytes);
        }
        let before = self.all.values().rfind(|marked| marked.number == number);
        let bytes = name.len() + taken.sums.bytes_beside(before.map(|before| &before.taken.sums));
        self.all.insert(self.next, Marked { number, name, taken, bytes });
        self.next += 1;
        self.bytes += bytes;
        while self.all.len() > MOST || (self.bytes > MOST_BYTES && self.all.len() > 1) {
            let Some((_, oldest)) = self.all.pop_first() else { break };
            self.bytes -= oldest.bytes;
            self.places.remove(&(oldest.number, oldest.name));
        }
    }

    /// The moment of a process that has that name.
    pub fn get(&self, number: u64, name: &str) -> Option<&Taken> {
        self.all.get(self.places.get(&(number, name.into()))?).map(|marked| &marked.taken)
    }

    /// The names of a process's marks, oldest first.
    pub fn names(&self, number: u64) -> impl DoubleEndedIterator<Item = &Arc<str>> {
        self.all.values().filter(move |marked| marked.number == number).map(|marked| &marked.name)
    }

    /// Lets go of what is kept of a process.
    pub fn forget(&mut self, number: u64) {
        self.all.retain(|_, marked| marked.number != number);
        self.places.retain(|&(other, _), _| other != number);
        self.bytes = self.all.values().map(|marked| marked.bytes).sum();
    }
}

/// Marks whose names are told at the same time: as many as threads may be in the midst of it. Who was killed
/// there leaves one behind.
const TOLD_AT_ONCE: usize = 256;

/// Marks that are being told, the oldest first.
#[derive(Debug, Default)]
pub struct Told(VecDeque<(Mark, Vec<u8>)>);

impl Told {
    /// Hears a part of a mark. Returns the process that it is of, and its name, when it is complete.
    pub fn hear(&mut self, mark: Mark, part: MarkPart) -> Option<(Process, String)> {
        let at = self.0.iter().position(|(known, _)| *known == mark);
        match (part, at) {
            (MarkPart::Name(_), Some(at)) if self.0[at].1.len() > MAX_MARK => {} // it will be none
            (MarkPart::Name(piece), Some(at)) => self.0[at].1.extend(piece),
            (MarkPart::Name(piece), None) => {
                if self.0.len() == TOLD_AT_ONCE {
                    self.0.pop_front();
                }
                self.0.push_back((mark, piece.to_vec()));
            }
            (MarkPart::Moment(process), Some(at)) => return Some((process, name(&self.0.remove(at)?.1)?)),
            (MarkPart::Moment(_), None) => {}
        }
        None
    }
}

/// `None` if no library tells such a name.
fn name(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|&byte| byte != 0)?;
    let bytes = &bytes[..=end];
    is_name(bytes).then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaptrace_channel::marks::PIECE;
    use heaptrace_channel::ring::Event;
    use heaptrace_channel::sample::Sample;
    use heaptrace_channel::stacks::Stack;
    use heaptrace_pprof::time_line::Point;

    use crate::eras::{Moment, Ticks};
    use crate::live::Live;
    use crate::recording::Counters;

    const NOW: Moment = Moment { era: heaptrace_channel::sample::Era::FIRST, ticks: Ticks(1) };

    fn taken(live: &mut Live) -> Taken {
        Taken {
            at: std::time::SystemTime::UNIX_EPOCH,
            counters: Counters::default(),
            sums: live.sums(),
            point: Point::default(),
        }
    }

    fn live(stacks: u32) -> Live {
        let mut live = Live::new([1; heaptrace_channel::sample::ERAS]);
        for stack in 1..=stacks {
            let sample = Sample { stack: Stack(stack), size: 8, ..Sample::default() };
            live.apply(Event::Allocated(sample), NOW);
        }
        live
    }

    fn names(marks: &Marks, number: u64) -> Vec<&str> {
        marks.names(number).map(|name| &**name).collect()
    }

    #[test]
    fn a_name_is_that_of_the_latest_moment_and_each_process_has_its_own() {
        let (mut live, mut marks) = (live(1), Marks::default());
        for (number, name, samples) in [(0, "a", 1), (1, "a", 2), (0, "b", 3), (0, "a", 4)] {
            let counters = Counters { samples, ..Counters::default() };
            marks.keep(number, name, Taken { counters, ..taken(&mut live) });
        }
        let samples = |number, name| marks.get(number, name).map(|taken| taken.counters.samples);
        assert_eq!(
            [(0, "a"), (1, "a"), (0, "b"), (1, "b")].map(|(n, name)| samples(n, name)),
            [Some(4), Some(2), Some(3), None]
        );
        assert_eq!((names(&marks, 0), names(&marks, 1)), (vec!["b", "a"], vec!["a"]));
        marks.forget(0);
        assert_eq!((names(&marks, 0), names(&marks, 1)), (vec![], vec!["a"]));
        assert!(marks.get(0, "a").is_none());
    }

    /// One a request, for days.
    #[test]
    fn of_too_many_marks_the_oldest_go() {
        let (mut live, mut marks) = (live(1), Marks::default());
        (0..MOST + 10).for_each(|n| marks.keep(0, &n.to_string(), taken(&mut live)));
        assert_eq!((names(&marks, 0).len(), names(&marks, 0)[0]), (MOST, "10"));
        assert_eq!(marks.places.len(), MOST);
    }

    #[test]
    fn marks_take_a_bounded_amount_of_memory() {
        let stacks = 20_000;
        let (mut live, mut marks) = (live(stacks), Marks::default());
        for n in 0..100 {
            marks.keep(0, &n.to_string(), taken(&mut live));
            (1..=stacks).for_each(|stack| {
                live.apply(Event::Freed(Sample { stack: Stack(stack), size: 8, ..Sample::default() }), NOW);
            });
            assert!(marks.bytes <= MOST_BYTES);
        }
        let kept = names(&marks, 0);
        assert!((2..100).contains(&kept.len()) && kept.last() == Some(&"99"), "{kept:?}");
        let sum: usize = marks.all.values().map(|marked| marked.bytes).sum();
        assert_eq!(sum, marks.bytes);
    }

    fn told(told: &mut Told, mark: u32, name: &[u8]) -> Option<(Process, String)> {
        MarkPart::all(name, Process(7)).filter_map(|part| told.hear(Mark(mark), part)).last()
    }

    #[test]
    fn names_are_put_together_whoever_tells_another_one_meanwhile() {
        let mut heard = Told::default();
        let [one, two] = [&b"the first one"[..], b"another"].map(|name| MarkPart::all(name, Process(7)));
        let parts = one.map(|part| (Mark(1), part)).zip(two.map(|part| (Mark(2), part)));
        let names: Vec<_> =
            parts.flat_map(|(a, b)| [a, b]).filter_map(|(m, part)| heard.hear(m, part)).collect();
        assert_eq!(names, [(Process(7), "another".to_owned())]);
        assert_eq!(
            heard.hear(Mark(1), MarkPart::Moment(Process(3))),
            Some((Process(3), "the first one".into()))
        );
        assert_eq!(heard.hear(Mark(1), MarkPart::Moment(Process(3))), None);
        assert_eq!(told(&mut heard, 5, b"ends\0"), Some((Process(7), "ends".to_owned())));
    }

    #[test]
    fn what_no_library_tells_takes_no_memory() {
        let mut heard = Told::default();
        assert_eq!(told(&mut heard, 1, &[b'x'; 300]), None);
        assert_eq!(told(&mut heard, 1, b"two\nlines"), None);
        (0..1000).for_each(|mark| _ = heard.hear(Mark(mark), MarkPart::Name([1; 6])));
        assert_eq!(heard.0.len(), TOLD_AT_ONCE);
        (0..1000).for_each(|_| _ = heard.hear(Mark(999), MarkPart::Name([1; 6])));
        assert!(heard.0.iter().all(|(_, name)| name.len() <= MAX_MARK + PIECE));
    }
}
