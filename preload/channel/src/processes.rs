//! The processes of a segment: the program in slot 0 and each forked child that records.
//!
//! A child claims a free slot itself, with no system call, because it may be in a sandbox by then.
//! The collector frees the slot when the child is gone and all that it wrote has been read.
//!
//! **Guarantees.**
//! - A slot is one process's from its claim to its release, however many claim at once.
//! - Who reads a process's id finds the counters that it began with, which were 0.
//! - A process that finds no slot is counted.
//! - No number of a process, whoever made it up, leads out of the slots.

use crate::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// Processes of one segment that can record at the same time; what comes then is counted.
pub const MAX_PROCESSES: usize = 4096;

const _: () = assert!(MAX_PROCESSES <= 1 << 16);

/// Index of a process in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process(pub u16);

/// What is known of one process.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct ProcessSlot {
    state: AtomicU32,
    pid: AtomicU32,
    /// Samples that could not be recorded.
    pub lost_samples: AtomicU64,
    /// Those of them that came before recording began.
    pub early_samples: AtomicU64,
    /// Those of them for which the program had no memory.
    pub unplaced_samples: AtomicU64,
    /// Frees of sampled blocks that were not seen, or told too late for the peak to be exact.
    pub lost_frees: AtomicU64,
    /// Raised by the process to ask for its profile: it is about to exit.
    pub exiting: AtomicU32,
    /// Raised by the collector when the profile is written: a futex that the process waits on.
    pub written: AtomicU32,
}

/// Added to the id of a thread that claims a slot, which may end before its process and is not known to have
/// the same id. Linux has ids below 2^22.
pub const OF_A_THREAD: u32 = 1 << 31;

const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const PUBLISHED: u32 = 2;

/// The processes over their memory.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'m> {
    /// The program's.
    first: &'m ProcessSlot,
    /// Those of its forked children.
    others: &'m [ProcessSlot],
    /// Forked children that found no slot.
    turned_away: &'m AtomicU32,
}

impl<'m> Processes<'m> {
    pub(crate) fn new(
        first: &'m ProcessSlot,
        others: &'m [ProcessSlot],
        turned_away: &'m AtomicU32,
    ) -> Processes<'m> {
        Processes { first, others, turned_away }
    }

    fn slots(&self) -> impl Iterator<Item = &'m ProcessSlot> {
        core::iter::once(self.first).chain(self.others)
    }

    fn find(&self, process: Process) -> Option<&'m ProcessSlot> {
        match process.0.checked_sub(1) {
            None => Some(self.first),
            Some(index) => self.others.get(usize::from(index)),
        }
    }

    /// Claims a slot for the process `pid`, or with [`OF_A_THREAD`] for that of a thread; `None` if all are in use, which is counted.
    pub fn claim(&self, pid: u32) -> Option<Process> {
        for (index, slot) in self.slots().enumerate() {
            if slot.state.load(Relaxed) == FREE
                && slot.state.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok()
            {
                slot.pid.store(pid, Relaxed);
                slot.lost_samples.store(0, Relaxed);
                slot.early_samples.store(0, Relaxed);
                slot.unplaced_samples.store(0, Relaxed);
                slot.lost_frees.store(0, Relaxed);
                slot.exiting.store(0, Relaxed);
                slot.written.store(0, Relaxed);
                slot.state.store(PUBLISHED, Release); // pairs with the load in `Processes::pid`
                return Some(Process(index as u16));
            }
        }
        self.turned_away.fetch_add(1, Relaxed);
        None
    }

    /// How many processes have found no slot.
    pub fn turned_away(&self) -> u32 {
        self.turned_away.load(Relaxed)
    }

    /// The slot of a process; of a number that no process has, any.
    #[inline]
    pub fn slot(&self, process: Process) -> &'m ProcessSlot {
        self.find(process).unwrap_or(self.first)
    }

    /// The pid of the process in that slot, or the id of a thread of it, if there is one.
    pub fn pid(&self, process: Process) -> Option<u32> {
        let slot = self.find(process)?;
        (slot.state.load(Acquire) == PUBLISHED).then(|| slot.pid.load(Relaxed) & !OF_A_THREAD)
    }

    /// Is [`Processes::pid`] that of a thread, for all that the process knows?
    pub fn has_id_of_thread(&self, process: Process) -> bool {
        self.slot(process).pid.load(Relaxed) & OF_A_THREAD != 0
    }

    /// Gives the slot of a process that is gone to the next one (the collector's part).
    pub fn release(&self, process: Process) {
        self.slot(process).state.store(FREE, Release); // pairs with the claim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(slots: usize) -> (Vec<ProcessSlot>, AtomicU32) {
        ((0..slots).map(|_| ProcessSlot::default()).collect(), AtomicU32::new(0))
    }

    #[test]
    fn slots_are_claimed_in_order_and_used_again_after_release() {
        let (slots, turned_away) = memory(4);
        let processes = Processes::new(&slots[0], &slots[1..], &turned_away);
        assert_eq!(processes.claim(10), Some(Process(0)));
        assert_eq!(processes.claim(11), Some(Process(1)));
        assert_eq!(processes.pid(Process(1)), Some(11));
        processes.slot(Process(0)).lost_samples.store(5, Relaxed);
        processes.release(Process(0));
        assert_eq!(processes.pid(Process(0)), None);
        assert_eq!(processes.claim(12), Some(Process(0)));
        assert_eq!(processes.slot(Process(0)).lost_samples.load(Relaxed), 0);
    }

    #[test]
    fn an_id_of_a_thread_is_known_as_one() {
        let (slots, turned_away) = memory(2);
        let processes = Processes::new(&slots[0], &slots[1..], &turned_away);
        for (claimed, is_of_thread) in [(7, false), (7 | OF_A_THREAD, true)] {
            let process = processes.claim(claimed).unwrap();
            assert_eq!(
                (processes.pid(process), processes.has_id_of_thread(process)),
                (Some(7), is_of_thread)
            );
        }
    }

    #[test]
    fn when_all_slots_are_taken_the_next_process_gets_none_and_is_counted() {
        let (slots, turned_away) = memory(4);
        let processes = Processes::new(&slots[0], &slots[1..], &turned_away);
        assert!((0..4).all(|pid| processes.claim(pid).is_some()));
        assert_eq!(processes.turned_away(), 0);
        assert_eq!(processes.claim(1), None);
        assert_eq!(processes.turned_away(), 1);
    }

    #[test]
    fn a_process_number_that_cannot_be_has_no_pid_and_leads_nowhere_else() {
        let (slots, turned_away) = memory(4);
        let processes = Processes::new(&slots[0], &slots[1..], &turned_away);
        assert_eq!(processes.pid(Process(u16::MAX)), None);
        processes.slot(Process(u16::MAX)); // any one of them
    }

    #[test]
    fn processes_that_claim_at_once_get_a_slot_each() {
        let (slots, turned_away) = memory(64);
        let processes = Processes::new(&slots[0], &slots[1..], &turned_away);
        let claim = || (0..16).map(|pid| processes.claim(pid).unwrap().0).collect::<Vec<_>>();
        let mut claimed: Vec<_> = std::thread::scope(|scope| {
            [(); 4]
                .map(|()| scope.spawn(claim))
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        claimed.sort_unstable();
        assert_eq!(claimed, (0..64).collect::<Vec<_>>());
    }
}

/// The slots in loom's model of a processor; see scripts/model.
#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::thread;

    fn check(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(model);
    }

    fn memory(slots: usize) -> Processes<'static> {
        let slots: Box<[ProcessSlot]> = (0..slots).map(|_| ProcessSlot::default()).collect();
        let slots: &[_] = Box::leak(slots);
        Processes::new(&slots[0], &slots[1..], Box::leak(Box::default()))
    }

    #[test]
    fn two_that_claim_get_a_slot_each_and_a_pid_is_seen_with_its_slot() {
        check(|| {
            let processes = memory(2);
            let claim = |pid| thread::spawn(move || processes.claim(pid).unwrap());
            let claims = [claim(10), claim(20)];
            for process in [Process(0), Process(1)] {
                assert!(matches!(processes.pid(process), None | Some(10 | 20)));
            }
            let [one, other] = claims.map(|claim| claim.join().unwrap());
            assert_ne!(one, other);
            assert_eq!((processes.pid(one), processes.pid(other)), (Some(10), Some(20)));
        });
    }

    #[test]
    fn who_gets_a_slot_that_was_released_has_its_counters_at_zero() {
        check(|| {
            let processes = memory(1);
            let old = processes.claim(10).unwrap();
            processes.slot(old).lost_samples.fetch_add(7, Relaxed);
            let claim = thread::spawn(move || {
                let new = processes.claim(20)?;
                Some(processes.slot(new).lost_samples.fetch_add(1, Relaxed))
            });
            processes.release(old);
            let before = claim.join().unwrap();
            assert!(matches!(before, None | Some(0)), "{before:?}");
            assert_eq!(processes.pid(Process(0)), before.map(|_| 20));
        });
    }
}
