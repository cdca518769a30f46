//! The reading end of all rings: merges them by epoch.

use super::event::{Epoch, Event, Message, Slot, Words};
use super::rings::{FIRST_OWN, MAX_RINGS, Rings};
use crate::processes::Process;
use crate::sample::Sample;

/// Slots read before they are given back to the writers.
const BATCH: u64 = 512;

/// Who is told of what is read.
pub trait Sink {
    /// A message.
    fn message(&mut self, message: Message);

    /// Two in one: a block was allocated and, as the next that happened, freed.
    fn brief(&mut self, process: Process, sample: Sample);
}

/// Who wants each message by itself.
struct Each<F>(F);

impl<F: FnMut(Message)> Sink for Each<F> {
    fn message(&mut self, message: Message) {
        self.0(message);
    }

    fn brief(&mut self, process: Process, sample: Sample) {
        let events = [Event::Allocated(sample), Event::Freed(sample)];
        events.into_iter().for_each(|event| self.0(Message::Happened(process, event)));
    }
}

/// How far one ring has been read. Positions wrap around.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    /// The next position to read.
    position: u64,
    /// Slots that the present look may read from there on.
    left: u64,
    /// Where the last look began.
    began: u64,
    /// Where the look before ended. What is before was written in an epoch that is over by now, whatever
    /// it says.
    seen: u64,
    /// The allocation before `position`, as it was read when nothing was written after it: as long as that is
    /// so, it may become brief.
    open: Option<Words>,
}

/// How far the rings were written at some moment.
#[derive(Debug, Clone, Copy)]
pub struct Ends([u64; MAX_RINGS]);

/// How far all rings of a segment have been read.
#[derive(Debug)]
pub struct Progress {
    cursors: [Cursor; MAX_RINGS],
    is_damaged: bool,
}

impl Default for Progress {
    /// That of rings that nobody has read from.
    fn default() -> Progress {
        Progress { cursors: [Cursor::default(); MAX_RINGS], is_damaged: false }
    }
}

impl Progress {
    /// The processors on which threads had written at least so many of the messages that the last look read.
    pub fn busy_processors(&self, least: u64) -> impl Iterator<Item = usize> {
        let read = |cursor: &Cursor| cursor.position.wrapping_sub(cursor.began);
        let own = self.cursors[FIRST_OWN..].iter().enumerate();
        own.filter(move |(_, cursor)| read(cursor) >= least).map(|(processor, _)| processor)
    }

    /// Was there a head that no writer can have made, so that events are missing?
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }
}

/// The reading end. There is one at a time for a segment, with the progress of those before it.
#[derive(Debug)]
pub struct Reader<'m> {
    rings: Rings<'m>,
    cursors: &'m mut [Cursor; MAX_RINGS],
    is_damaged: &'m mut bool,
}

impl<'m> Reader<'m> {
    /// Reads on from where `progress` is, which it moves.
    pub fn new(rings: Rings<'m>, progress: &'m mut Progress) -> Reader<'m> {
        let Progress { cursors, is_damaged } = progress;
        Reader { rings, cursors, is_damaged }
    }

    /// [`Reader::drain`] with each message by itself.
    pub fn drain_messages(&mut self, each: impl FnMut(Message)) -> u64 {
        self.drain(&mut Each(each))
    }

    /// Tells `sink` of the committed messages that were there at the call and are of an epoch that is
    /// over by it. Returns how many slots were passed, and how many of those of before have become brief.
    ///
    /// Why the order is right: the epoch advances first, and the heads are read after, if there is more
    /// than one ring to read. An event that is missed here is written after that, so what follows from
    /// it, in its own thread or another, is written in the new epoch or a later one, which is left to the
    /// next look. And events of an older epoch are passed before those of a younger one.
    ///
    /// What a ring's last allocation has become since it was read comes first. If it has not changed when it is
    /// looked at here, then its free is written after that, and what follows from it is left to the next look.
    pub fn drain(&mut self, sink: &mut impl Sink) -> u64 {
        let (now, heads) = self.look();
        let mut passed = 0;
        for (index, &head) in heads.0.iter().enumerate().take(self.rings.count()) {
            passed += self.close(index, head, sink);
            let cursor = &mut self.cursors[index];
            cursor.left = head.wrapping_sub(cursor.position).min(self.rings.slots());
            cursor.began = cursor.position;
        }
        while let Some((index, least_age)) = self.oldest(now) {
            let read = self.read(index, now, least_age, sink);
            if read == 0 {
                break; // somebody changes what is written
            }
            passed += read;
        }
        (0..self.rings.count()).for_each(|index| self.finish_look(index, heads.0[index]));
        passed
    }

    /// The heads, and the epoch up to which messages are read.
    ///
    /// Where only one ring has been written to, the epoch stays: its line of the cache is the writers'.
    /// That is so if the others are empty when they are looked at after that one's head: what a message
    /// before that head follows from was there by then.
    fn look(&self) -> (Epoch, Ends) {
        let heads = self.heads();
        let again = self.heads();
        let mut unread =
            (0..self.rings.count()).filter(|&index| again.0[index] != self.cursors[index].position);
        if unread.next().is_none() || unread.next().is_none() {
            return (self.rings.epoch().next(), heads);
        }
        (self.rings.advance(), self.heads())
    }

    /// Looks again at an allocation that was read when it was the ring's last. Returns 1 if it was freed in the
    /// meantime, or else 0.
    fn close(&mut self, index: usize, head: u64, sink: &mut impl Sink) -> u64 {
        let (ring, cursor) = (self.rings.ring(index), &mut self.cursors[index]);
        let Some(allocation) = cursor.open else { return 0 };
        let last = cursor.position.wrapping_sub(1);
        let now = ring.slot(last).committed(ring.lap(last));
        let is_freed = now.is_some_and(|words| words.is_same(allocation.brief()));
        // Once there is a message after it, it stays as it is; the head was read before it.
        if is_freed || head != cursor.position {
            cursor.open = None;
        }
        if is_freed && let Some(free) = allocation.freed().message() {
            sink.message(free);
        }
        is_freed.into()
    }

    /// Gives back what was read of a ring.
    fn finish_look(&mut self, index: usize, head: u64) {
        let ring = self.rings.ring(index);
        let cursor = &mut self.cursors[index];
        cursor.seen = cursor.position.wrapping_add(cursor.left);
        if head.wrapping_sub(cursor.position) > self.rings.slots() {
            // The writers go on from there.
            (cursor.position, cursor.open, *self.is_damaged) = (head, None, true);
        }
        ring.release(cursor.done());
    }

    /// How far the rings are written, as far as there can be events.
    pub fn ends(&self) -> Ends {
        let slots = self.rings.slots();
        self.ends_as(|position, head| position.wrapping_add(head.wrapping_sub(position).min(slots)))
    }

    fn heads(&self) -> Ends {
        self.ends_as(|_, head| head)
    }

    fn ends_as(&self, end: impl Fn(u64, u64) -> u64) -> Ends {
        let mut ends = Ends([0; MAX_RINGS]);
        for (index, to) in ends.0.iter_mut().enumerate().take(self.rings.count()) {
            *to = end(self.cursors[index].position, self.rings.ring(index).head());
        }
        ends
    }

    /// Has all been read or skipped that is before those ends?
    pub fn has_passed(&self, ends: &Ends) -> bool {
        (0..self.rings.count()).all(|index| self.has_passed_in(index, ends))
    }

    fn has_passed_in(&self, index: usize, ends: &Ends) -> bool {
        // No end was ever further ahead than that; after a head that cannot be right it may seem to be.
        let ahead = ends.0[index].wrapping_sub(self.cursors[index].position);
        ahead == 0 || ahead > self.rings.slots()
    }

    /// The ring with the oldest event, and the age of the oldest in the others: as long as its events
    /// are that old, they are next. Ages are at least 1.
    fn oldest(&self, now: Epoch) -> Option<(usize, i32)> {
        let (mut oldest, mut least_age) = (None, 1);
        for index in 0..self.rings.count() {
            let Some(age) = self.age(index, now) else { continue };
            match oldest {
                Some((_, known)) if age <= known => least_age = least_age.max(age),
                _ => {
                    least_age = oldest.map_or(least_age, |(_, known)| known);
                    oldest = Some((index, age));
                }
            }
        }
        oldest.map(|(index, _)| (index, least_age))
    }

    /// The age of a ring's next event, at least 1; `None` if there is none to be read in this look.
    fn age(&self, index: usize, now: Epoch) -> Option<i32> {
        let (ring, cursor) = (self.rings.ring(index), &self.cursors[index]);
        if cursor.left == 0 {
            return None;
        }
        let words = ring.slot(cursor.position).committed(ring.lap(cursor.position))?;
        cursor.age(cursor.position, words, now)
    }

    /// Reads the events of a ring that are at least that old. Returns how many slots it passed: one or
    /// more, if the ring is the oldest.
    fn read(&mut self, index: usize, now: Epoch, least_age: i32, sink: &mut impl Sink) -> u64 {
        let (ring, cursor) = (self.rings.ring(index), &mut self.cursors[index]);
        let before = cursor.left;
        loop {
            let batch = ring.slots_from(cursor.position, cursor.left.min(BATCH));
            let due = Due { cursor: *cursor, now, least_age, known: None };
            let (read, last) = read_batch(batch, ring.lap(cursor.position), due, sink);
            cursor.position = cursor.position.wrapping_add(read);
            cursor.left -= read;
            if read > 0 {
                // Not that of a batch that ends before the head: what is behind it was written by then.
                cursor.open = last.filter(|words| cursor.left == 0 && words.is_allocation());
                ring.release(cursor.done());
            }
            if cursor.left == 0 || read < batch.len() as u64 {
                return before - cursor.left;
            }
        }
    }

    /// Is a next slot reserved, but not committed?
    ///
    /// So it is for an instant whenever a thread writes to the shared ring, and for good if it was
    /// killed then. In the other rings it never is, but for what a stray write has changed.
    pub fn is_blocked(&self) -> bool {
        (0..self.rings.count()).any(|index| self.is_blocked_in(index))
    }

    fn is_blocked_in(&self, index: usize) -> bool {
        let (ring, position) = (self.rings.ring(index), self.cursors[index].position);
        ring.head() != position && ring.slot(position).committed(ring.lap(position)).is_none()
    }

    /// Passes over slots before those ends that will not be committed, up to the next that is.
    pub fn skip(&mut self, ends: &Ends) {
        for index in 0..self.rings.count() {
            while !self.has_passed_in(index, ends) && self.is_blocked_in(index) {
                let cursor = &mut self.cursors[index];
                (cursor.position, cursor.open) = (cursor.position.wrapping_add(1), None);
            }
            self.rings.ring(index).release(self.cursors[index].done());
        }
    }
}

/// Reads slots up to one that is not due. Returns how many it passed, and the last of them, if it was read by
/// itself.
#[inline]
fn read_batch(slots: &[Slot], lap: u64, mut due: Due, sink: &mut impl Sink) -> (u64, Option<Words>) {
    let mut words_at = |at: usize| {
        let words = slots.get(at)?.committed(lap)?;
        due.is_due(at, words).then_some(words)
    };
    let (mut at, mut next, mut last) = (0, words_at(0), None);
    while let Some(words) = next {
        at += 1;
        (next, last) = (words_at(at), next);
        if let Some((process, sample)) = words.as_brief() {
            sink.brief(process, sample);
        } else if let Some((process, sample)) = next.and_then(|next| words.freed_by(next)) {
            at += 1;
            (next, last) = (words_at(at), None);
            sink.brief(process, sample);
        } else if let Some(message) = words.message() {
            sink.message(message);
        }
    }
    (at as u64, last)
}

/// Which events of a batch are read in a look.
struct Due {
    /// As it was before the batch.
    cursor: Cursor,
    now: Epoch,
    least_age: i32,
    /// An epoch that is old enough: most events are of that of the one before.
    known: Option<Epoch>,
}

impl Due {
    #[inline]
    fn is_due(&mut self, at: usize, words: Words) -> bool {
        let epoch = words.epoch();
        self.known == Some(epoch) || self.is_due_anew(at, words, epoch)
    }

    #[cold]
    fn is_due_anew(&mut self, at: usize, words: Words, epoch: Epoch) -> bool {
        let age = self.cursor.age(self.cursor.position.wrapping_add(at as u64), words, self.now);
        if epoch.age(self.now) >= self.least_age {
            self.known = Some(epoch);
        }
        age.is_some_and(|age| age >= self.least_age)
    }
}

impl Cursor {
    /// What is before it has been read, and stays as it is.
    fn done(&self) -> u64 {
        self.position.wrapping_sub(u64::from(self.open.is_some()))
    }

    /// How old an event is; `None` if it is left to the next look.
    #[inline]
    fn age(&self, position: u64, words: Words, now: Epoch) -> Option<i32> {
        let age = words.epoch().age(now);
        let is_seen = position.wrapping_sub(self.seen) >= 1 << 63; // before it, as positions wrap
        if age >= 1 || is_seen { Some(age.max(1)) } else { None }
    }
}

#[cfg(test)]
mod tests;
