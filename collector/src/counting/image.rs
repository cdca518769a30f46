//! One memory of counters: the program that made it and the children that forked from it.

use std::os::fd::OwnedFd;
use std::time::Duration;

use heaptrace_channel::counters::{self, Counters, Family, OTHERS, STEP, Slot};
use heaptrace_channel::handshake::Refusal;

use super::facts::{Counts, FamilyCounts, ProcessCounts};
use crate::mapping::Mapped;
use crate::patch::PlainPrograms;
use crate::program::Program;

/// Counters with the program that they are of.
#[derive(Debug)]
pub struct Image {
    counters: Mapped<Counters<'static>>,
    program: Program,
}

impl Image {
    /// Maps the counters that a process has sent.
    pub fn open(file: OwnedFd, pid: u32) -> Result<Image, Refusal> {
        let counters = Mapped::counters(file)?;
        let program = Program::of(pid, &counters.get().header().identity, &PlainPrograms::default());
        Ok(Image { counters, program })
    }

    /// When counting began, by the monotonic clock.
    pub fn started(&self) -> Duration {
        Duration::from_nanos(self.counters.get().header().identity.started())
    }

    /// Has the program an allocator of its own, whose blocks never come to the hooks?
    pub fn has_own_malloc(&self) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        let is_shadowed = self.counters.get().header().shadowed.load(Relaxed) != 0;
        is_shadowed
            && self.processes(0).all(|process| {
                process.counts.frees == 0 && process.counts.family(Family::Malloc).calls() == 0
            })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Has every process let go of it?
    pub fn is_over(&self) -> bool {
        self.counters.mapping().is_abandoned().unwrap_or(false)
    }

    /// What each process has counted; not the children that have counted nothing. `wanted` is the process
    /// that was asked for.
    pub fn processes(&self, wanted: u32) -> impl Iterator<Item = ProcessCounts> {
        let own = self.program.pid;
        let mut others = self.counts(OTHERS);
        let mut merged = 0;
        let mut all = Vec::new();
        for (place, pid) in self.counters.get().processes() {
            let counts = self.counts(place);
            let is_first = place.0 == 0;
            if self.counters.get().is_merged(place) && !is_first {
                merged += 1;
                others += &counts;
            } else if is_first || counts != Counts::default() {
                let pid = if is_first { own } else { pid };
                all.push(self.process(pid, is_first && own == wanted, !is_first, 1, counts));
            }
        }
        if merged > 0 || others != Counts::default() {
            all.push(self.process(0, false, true, merged, others));
        }
        all.into_iter()
    }

    fn process(
        &self,
        pid: u32,
        is_program: bool,
        is_forked: bool,
        processes: u64,
        counts: Counts,
    ) -> ProcessCounts {
        let name = self.program.name().to_owned();
        ProcessCounts { name, pid, is_program, is_forked, processes, counts }
    }

    fn counts(&self, process: counters::ProcessNumber) -> Counts {
        let mut counts = Counts::default();
        let mut slots = 0;
        for slot in self.counters.get().slots(process) {
            slots += 1;
            add(&mut counts, slot);
        }
        (counts.in_use, counts.peak) = self.counters.get().in_use(process);
        counts.peak_within = STEP as u64 * u64::saturating_sub(slots, 1);
        counts
    }
}

fn add(counts: &mut Counts, slot: &Slot) {
    let (moved, in_place) = slot.resizes();
    for (to, family) in counts.families.iter_mut().zip(Family::ALL) {
        let (bytes, histogram) = slot.calls(family);
        let used = histogram.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        let histogram = histogram[..used].to_vec();
        *to += &FamilyCounts { bytes, failures: slot.failures(family), histogram };
    }
    counts.frees = counts.frees.saturating_add(slot.frees());
    counts.moved = counts.moved.saturating_add(moved);
    counts.in_place = counts.in_place.saturating_add(in_place);
}
