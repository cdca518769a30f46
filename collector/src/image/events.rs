//! What is done with each message of an image.

use std::time::{Instant, SystemTime};

use heaptrace_channel::Segment;
use heaptrace_channel::marks::{Mark, MarkPart};
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Event, Message, Sink};
use heaptrace_channel::sample::Sample;

use super::counters::counters;
use crate::eras::Moment;
use crate::marks::{Marks, Told};
use crate::members::{Member, Members};
use crate::snapshot::Taken;
use crate::stacks::Tree;

/// The parts of an image that its messages are added to.
pub struct Events<'i> {
    pub members: &'i mut Members,
    pub stacks: &'i mut Tree,
    pub told_marks: &'i mut Told,
    pub marks: &'i mut Marks,
    pub segment: &'i Segment<'i>,
    /// When they are read.
    pub now: Moment,
    /// The same by the calendar.
    pub at: SystemTime,
    /// What is left for whoever finds out which processes they are of.
    pub strangers: Vec<(Process, Strange)>,
    /// There were messages that nobody of ours writes.
    pub is_damaged: bool,
}

/// The first messages of a forked child, of which nothing is known yet.
pub enum Strange {
    Event(Event),
    Brief(Sample),
    Mark(String),
}

impl Sink for Events<'_> {
    fn message(&mut self, message: Message) {
        match message {
            Message::Happened(process, event) => {
                let event = event.with_stack(self.stacks.one(event.sample().stack));
                match self.members.get_mut(process) {
                    Some(member) => member.apply(event, self.now),
                    None => self.strangers.push((process, Strange::Event(event))),
                }
            }
            Message::Told(stack, part) => self.is_damaged |= !self.stacks.hear(stack, part),
            Message::Marked(mark, part) => self.mark(mark, part),
        }
    }

    #[inline(always)] // what a loop that allocates makes nothing else of
    fn brief(&mut self, process: Process, sample: Sample) {
        let sample = Sample { stack: self.stacks.one(sample.stack), ..sample };
        match self.members.get_mut(process) {
            Some(member) => member.apply_brief(sample, self.now),
            None => self.strangers.push((process, Strange::Brief(sample))),
        }
    }
}

impl Events<'_> {
    #[cold]
    fn mark(&mut self, mark: Mark, part: MarkPart) {
        let Some((process, name)) = self.told_marks.hear(mark, part) else { return };
        match self.members.get_mut(process) {
            Some(member) => {
                self.marks.keep(member.number, &name, taken(self.segment, process, member, self.at));
            }
            None => self.strangers.push((process, Strange::Mark(name))),
        }
    }
}

/// What changes from moment to moment of a process, as it is now.
pub fn taken(segment: &Segment, process: Process, member: &mut Member, at: SystemTime) -> Taken {
    Taken {
        at,
        counters: counters(segment, process, member.live.samples()),
        sums: member.live.sums(),
        point: member.heap_point(Instant::now()),
    }
}
