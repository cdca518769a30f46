//! The processes of an image.

use std::time::{Instant, SystemTime};

use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::Event;
use heaptrace_channel::sample::Sample;
use heaptrace_pprof::time_line::Point;

use crate::eras::Moment;
use crate::live::Live;
use crate::rates::ByEra;
use crate::time_line::{TimeLine, most_resident, point, resident};
use crate::watch::Watch;

/// One process of an image that has recorded something, or the program itself.
#[derive(Debug)]
pub struct Member {
    /// Tells it from all others of its image, also from those that had its slot before.
    pub number: u64,
    /// Its process id, in the namespace of whoever made the image.
    pub pid: u32,
    /// How its end is noticed.
    pub watch: Watch,
    /// It has gone on to another program.
    has_left: bool,
    /// When it began to be recorded.
    pub started: SystemTime,
    /// What it has in use, and its totals.
    pub live: Live,
    /// Its heap over time.
    pub time_line: TimeLine,
    /// Events read.
    pub events: u64,
    /// Events in the profile that was last written of it at its end.
    pub events_in_profile: Option<u64>,
}

impl Member {
    /// Did it make the image, and announce it?
    pub fn is_first(&self) -> bool {
        self.number == 0
    }

    /// Adds an event.
    #[inline]
    pub fn apply(&mut self, event: Event, now: Moment) {
        self.events += 1;
        self.live.apply(event, now);
    }

    /// Adds the allocation and the free of a block, between which nothing happened.
    #[inline]
    pub fn apply_brief(&mut self, sample: Sample, now: Moment) {
        self.events += 2;
        self.live.apply_brief(sample, now);
    }

    /// Adds a point to its time line, if that is due.
    pub fn note(&mut self, now: Instant) {
        if self.time_line.is_due(self.time_line.age(now)) {
            self.time_line.add(self.point(now));
            self.live.begin_stretch();
        }
    }

    /// The point of its time line that would be of now.
    pub fn point(&self, now: Instant) -> Point {
        let resident = if self.watch.is_seen() { resident(self.pid) } else { 0 };
        Point { resident: i64::try_from(resident).unwrap_or(i64::MAX), ..self.heap_point(now) }
    }

    /// The same, without a look at the process.
    pub fn heap_point(&self, now: Instant) -> Point {
        point(self.time_line.age(now), self.live.totals())
    }

    /// Its largest resident set, as the kernel tells it of who lives; else 0.
    pub fn most_resident(&self) -> u64 {
        if self.watch.is_seen() { most_resident(self.pid) } else { 0 }
    }
}

/// The processes of an image that have been seen, by their slots.
#[derive(Debug)]
pub struct Members {
    slots: Vec<Option<Member>>,
    next: u64,
    rates: ByEra,
}

impl Members {
    /// Nobody yet, of an image that is sampled at these rates.
    pub fn new(rates: ByEra) -> Members {
        Members { slots: Vec::new(), next: 0, rates }
    }

    /// From now on these are the rates.
    pub fn set_rates(&mut self, rates: ByEra) {
        self.rates = rates;
        self.slots.iter_mut().flatten().for_each(|member| member.live.set_rates(rates));
    }

    /// Adds the process in a slot.
    pub fn add(&mut self, process: Process, pid: u32, watch: Watch, started: SystemTime) {
        let index = process.0 as usize;
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let number = self.next;
        self.next += 1;
        self.slots[index] = Some(Member {
            number,
            pid,
            watch,
            has_left: false,
            started,
            live: Live::new(self.rates),
            time_line: TimeLine::new(started.elapsed().unwrap_or_default()),
            events: 0,
            events_in_profile: None,
        });
    }

    /// Forgets the process in a slot.
    pub fn remove(&mut self, process: Process) {
        self.slots[process.0 as usize] = None;
    }

    /// The process in a slot.
    pub fn get(&self, process: Process) -> Option<&Member> {
        self.slots.get(process.0 as usize)?.as_ref()
    }

    /// The process in a slot, to be changed.
    #[inline]
    pub fn get_mut(&mut self, process: Process) -> Option<&mut Member> {
        self.slots.get_mut(process.0 as usize)?.as_mut()
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.slots.iter_mut().flatten()
    }

    /// All of them, with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Process, &Member)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, member)| Some((Process(index as u16), member.as_ref()?)))
    }

    /// Marks the process `pid` as one that has gone on to another program. True if it was here.
    pub fn replace(&mut self, pid: u32) -> bool {
        let mut was_here = false;
        for member in self.iter_mut().filter(|member| member.pid == pid) {
            was_here |= !member.has_left;
            (member.watch, member.has_left) = (Watch::Over, true);
        }
        was_here
    }
}
