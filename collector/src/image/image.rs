//! An image: one segment, the program that made it and the children that forked from it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant, SystemTime};

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::patch::Applied;
use heaptrace_channel::processes::Process;
use heaptrace_channel::ring::{Progress, Reader};
use heaptrace_channel::sample::{Era, Sampling};
use heaptrace_channel::{Segment, sys};

use super::blocked::Blocked;
use super::counters::counters;
use super::events::{Events, Strange, taken};
use crate::attention::{Attention, Pace, much};
use crate::eras::Eras;
use crate::files::Files;
use crate::mapping::Mapped;
use crate::marks::{Marks, Told};
use crate::members::{Member, Members};
use crate::modules::{Modules, Places};
use crate::own_processor::OwnProcessor;
use crate::patch::{Left, PlainPrograms};
use crate::profiled::Profiled;
use crate::program::Program;
use crate::rates::Rates;
use crate::recording::Counters;
use crate::snapshot::{Key, Snapshot, Taken};
use crate::stacks::Tree;
use crate::summary::WhyUnpatched;
use crate::wake::Waker;
use crate::watch::{Watch, is_older_than_us, process_of};

/// A segment with its processes.
#[derive(Debug)]
pub struct Image {
    segment: Mapped<Segment<'static>>,
    progress: Box<Progress>,
    stacks: Tree,
    /// Mean bytes between samples. As it was at the start, like all that the header says: the program
    /// can write there.
    rates: Rates,
    /// When recording began, by the monotonic clock.
    started: Duration,
    /// Process ids in it are those that we have for the same processes.
    has_our_ids: bool,
    /// What runs in it.
    pub program: Arc<Program>,
    /// What could not be patched in it.
    pub left: Left,
    files: Files,
    members: Members,
    marks: Marks,
    /// Marks that the program is telling.
    told_marks: Told,
    modules: Modules,
    /// When the last look at the rings began: what was written by then has been read.
    drained: SystemTime,
    blocked: Blocked,
    abandoned: bool,
    /// When it was last asked whether it is.
    asked_kernel: Instant,
    /// There were events that no process can have written.
    is_damaged: bool,
    waker: Waker,
    attention: Attention,
    pace: Pace,
    own_processor: OwnProcessor,
    eras: Eras,
    /// When the first of them began.
    began: SystemTime,
}

impl Image {
    /// Takes on the segment that process `pid` sent, which is watched; its program may be one of the `plain` ones.
    ///
    /// # Errors
    /// [`Refusal::NotMapped`] if it is not a segment, or there is no memory to map it.
    pub fn open(
        file: OwnedFd,
        (pid, watch): (u32, Watch),
        plain: &PlainPrograms,
        waker: &Waker,
    ) -> Result<Image, Refusal> {
        let files = Files::of(pid);
        let segment = Mapped::segment(file)?;
        let header = segment.get().header();
        header.collector.store(std::process::id(), Relaxed);
        header.heartbeat.fetch_add(1, Relaxed);
        let program = Arc::new(Program::of(pid, &header.identity, plain));
        let started = SystemTime::UNIX_EPOCH + Duration::from_nanos(header.started());
        let rates = Rates::new(header.rate(Era::FIRST));
        let attention = Attention::at_first(rates.now(), segment.mapping().file(), waker);
        let mut image = Image {
            started: Duration::from_nanos(header.identity.started()),
            has_our_ids: header.identity.pid() == pid,
            segment,
            progress: Box::default(),
            stacks: Tree::new(),
            members: Members::new(*rates.by_era()),
            marks: Marks::default(),
            told_marks: Told::default(),
            rates,
            program,
            left: Left::default(),
            files,
            modules: Modules::default(),
            drained: SystemTime::now(),
            blocked: Blocked::default(),
            abandoned: false,
            asked_kernel: Instant::now(),
            is_damaged: false,
            waker: waker.clone(),
            attention,
            pace: Pace::at_first(Instant::now()),
            own_processor: OwnProcessor::default(),
            eras: Eras::new(started.elapsed().unwrap_or_default()),
            began: started,
        };
        image.members.add(Process(0), pid, watch, started);
        Ok(image)
    }

    fn segment(&self) -> &Segment<'_> {
        self.segment.get()
    }

    fn reader(&mut self) -> Reader<'_> {
        Reader::new(*self.segment.get().rings(), &mut self.progress)
    }

    /// Reads the modules that are new, and adds all events that are there.
    pub fn catch_up(&mut self) {
        self.read_modules();
        self.drain();
    }

    /// Adds all events that are there to their processes' sums. Returns how many slots it passed.
    pub fn drain(&mut self) -> u64 {
        self.segment().header().heartbeat.fetch_add(1, Relaxed);
        self.drained = SystemTime::now();
        let mut passed = self.apply_events();
        while self.pass_dead_slots() {
            passed += self.apply_events();
        }
        self.attention.grow(passed > 0, self.segment.mapping().file(), &self.waker);
        let (now, slots) = (Instant::now(), self.segment().rings().slots());
        if self.pace.note(passed, self.rates.now(), slots, now) {
            self.own_processor.keep_off(self.progress.busy_processors(much(slots)), now);
        }
        if let Some(era) = self.eras.advance(now) {
            self.begin(era);
        }
        self.members.iter_mut().for_each(|member| member.note(now));
        passed
    }

    /// Begins an era, at the rate that there is.
    fn begin(&mut self, era: Era) {
        self.rates.begin(era);
        self.tell_sampling(era);
    }

    /// Tells the program how samples are drawn now, and whoever weighs them.
    fn tell_sampling(&mut self, era: Era) {
        self.members.set_rates(*self.rates.by_era());
        let sampling = Sampling::new(era, self.rates.now());
        self.segment().header().begin(sampling, self.rates.by_era()[era.number()]);
    }

    /// Has samples drawn at another rate. False if it was changed so often that it cannot be told apart any
    /// more which sample was drawn at which.
    pub fn set_rate(&mut self, rate: u64) -> bool {
        let now = Instant::now();
        if self.rates.needs_era(rate) && self.eras.begin(now).is_none() {
            return false;
        }
        let era = self.eras.now(now).era;
        self.rates.change(rate, era, self.eras.age(now));
        self.tell_sampling(era);
        true
    }

    fn apply_events(&mut self) -> u64 {
        let mut events = Events {
            members: &mut self.members,
            stacks: &mut self.stacks,
            told_marks: &mut self.told_marks,
            marks: &mut self.marks,
            segment: self.segment.get(),
            now: self.eras.now(Instant::now()),
            at: self.drained,
            strangers: Vec::new(),
            is_damaged: false,
        };
        let passed = Reader::new(*events.segment.rings(), &mut self.progress).drain(&mut events);
        let Events { now, strangers, is_damaged, .. } = events;
        self.is_damaged |= is_damaged;
        for (process, what) in strangers {
            match (self.member_of(process), what) {
                (Some(member), Strange::Event(event)) => member.apply(event, now),
                (Some(member), Strange::Brief(sample)) => member.apply_brief(sample, now),
                (Some(_), Strange::Mark(name)) => self.mark(process, &name),
                (None, _) => self.is_damaged = true,
            }
        }
        passed
    }

    /// Gives what was recorded of a process up to now a name.
    pub fn mark(&mut self, process: Process, name: &str) {
        let Some(member) = self.members.get_mut(process) else { return };
        self.marks.keep(member.number, name, taken(self.segment.get(), process, member, self.drained));
    }

    /// What was recorded of a process up to a mark. `id` is the image's.
    pub fn marked(&mut self, id: u64, process: Process, name: &str) -> Option<Snapshot> {
        let taken = self.marks.get(self.members.get(process)?.number, name)?.clone();
        self.complete(id, process, taken)
    }

    /// The names of a process's marks, oldest first.
    pub fn marks(&self, process: Process) -> Vec<Arc<str>> {
        let member = self.members.get(process);
        member.map_or(Vec::new(), |member| self.marks.names(member.number).cloned().collect())
    }

    /// The process in a slot. `None` if it is nobody's: a process writes only after it has published
    /// its slot.
    fn member_of(&mut self, process: Process) -> Option<&mut Member> {
        if self.members.get(process).is_none() {
            let processes = *self.segment().processes();
            let id = processes.pid(process)?;
            let (pid, watch) = match process_of(id) {
                _ if !self.has_our_ids || is_older_than_us(id) => (id, Watch::Unknown),
                // It may still be there: a process that may be forbidden to ask for its id tells that of a thread.
                None if processes.has_id_of_thread(process) => (id, Watch::Unknown),
                found => {
                    let pid = found.unwrap_or(id);
                    (pid, Watch::on(pid, &self.waker))
                }
            };
            self.members.add(process, pid, watch, SystemTime::now());
        }
        self.members.get_mut(process)
    }

    fn pass_dead_slots(&mut self) -> bool {
        let reader = Reader::new(*self.segment.get().rings(), &mut self.progress);
        self.blocked.pass(reader, self.abandoned)
    }

    /// How long it may be left alone if nothing wakes the session.
    pub fn pause(&self) -> Duration {
        let is_polled = || self.members.iter().any(|(_, member)| matches!(member.watch, Watch::Stat(_)));
        let attention = || self.attention.pause(is_polled, || self.youngest_age());
        self.blocked.pause().or_else(|| self.pace.pause()).unwrap_or_else(attention)
    }

    /// How long the process that was taken on last has been recorded.
    fn youngest_age(&self) -> Duration {
        let now = Instant::now();
        let ages = self.members.iter().map(|(_, member)| member.time_line.age(now));
        ages.min().unwrap_or(Duration::MAX)
    }

    /// Is there no process whose end would wake the session? Others may live.
    pub fn is_deserted(&self) -> bool {
        !self.members.iter().any(|(_, member)| matches!(member.watch, Watch::Pidfd(_)))
    }

    /// Adds all events that were written before the call. False if one is not committed yet: then
    /// another call may.
    pub fn drain_written(&mut self) -> bool {
        let ends = self.reader().ends();
        self.drain();
        self.reader().has_passed(&ends)
    }

    /// Its processes that have been seen.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Marks the process `pid` as one that has gone on to another program. True if it was here.
    pub fn replace(&mut self, pid: u32) -> bool {
        self.members.replace(pid)
    }

    /// Is there nothing in a process that is not in the profile of its end, which is about to be written?
    pub fn is_written(&mut self, process: Process) -> bool {
        let Some(member) = self.members.get_mut(process) else { return true };
        member.events_in_profile.replace(member.events) == Some(member.events)
    }

    /// Has the process ended, or gone on to another program?
    pub fn is_over(&self, member: &Member) -> bool {
        self.abandoned || member.watch.is_over(false)
    }

    /// Does a process ask for its profile, to wait for it?
    pub fn is_exiting(&self, process: Process) -> bool {
        self.segment().processes().slot(process).exiting.load(Acquire) == 1
    }

    /// Tells a process that its profile is written.
    pub fn tell_written(&self, process: Process) {
        let slot = self.segment().processes().slot(process);
        slot.exiting.store(0, Relaxed);
        slot.written.store(1, Release);
        sys::futex_wake(&slot.written);
    }

    /// Forgets a process that is over; its slot can be taken by another.
    pub fn remove(&mut self, process: Process) {
        if let Some(member) = self.members.get(process) {
            self.marks.forget(member.number);
        }
        self.members.remove(process);
        self.segment().processes().release(process);
    }

    /// Is no process left that could write? Asks the kernel, so not to be called all the time.
    ///
    /// Also asks now and then while a process lives, if the first one does not: the ids of the others
    /// are what the program says, and may be those of strangers.
    ///
    /// `none_forked`: there are no others.
    pub fn is_abandoned(&mut self, none_forked: bool) -> bool {
        const INTERVAL: Duration = Duration::from_secs(10);
        let all_are_over = self.members.iter().all(|(_, member)| member.watch.is_over(true));
        let is_first_gone = || !self.members.iter().any(|(_, member)| member.is_first());
        let is_due = || is_first_gone() && self.asked_kernel.elapsed() > INTERVAL;
        if none_forked && all_are_over {
            self.abandoned = true; // to ask the kernel takes a tenth of a millisecond
        } else if !self.abandoned && (all_are_over || is_due()) {
            self.asked_kernel = Instant::now();
            self.abandoned = self.segment.mapping().is_abandoned().unwrap_or(true);
        }
        self.abandoned
    }

    /// Is the malloc that the program calls another one?
    pub fn has_own_malloc(&self) -> bool {
        self.segment().header().shadowed.load(Relaxed) != 0
    }

    /// Why an allocator inside the program is not seen, or not all of it, if it has one.
    pub fn unpatched(&self) -> Option<WhyUnpatched> {
        let left = self.left.get().filter(|left| !left.is_empty()).cloned();
        match Applied::of(self.segment().header().patched.load(Relaxed)) {
            Applied::None | Applied::All => left.map(WhyUnpatched::Functions),
            Applied::Changed => Some(WhyUnpatched::Changed),
            Applied::Forbidden => Some(WhyUnpatched::Forbidden),
            Applied::NoRoom => Some(WhyUnpatched::NoRoom),
            Applied::Threads => Some(WhyUnpatched::Threads),
        }
    }

    /// Did the program call a hook at all?
    pub fn called(&self) -> bool {
        self.segment().header().called.load(Relaxed) != 0
    }

    /// How many forked children could not be recorded, because too many others were.
    pub fn turned_away(&self) -> u32 {
        self.segment().processes().turned_away()
    }

    /// When it began to be recorded, by the monotonic clock.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// The slot of the process with that id that is recorded and goes on.
    pub fn recorded_process(&self, pid: u32) -> Option<Process> {
        self.going_on().find(|(_, member)| member.pid == pid).map(|(process, _)| process)
    }

    /// The processes that are recorded and go on.
    pub fn going_on(&self) -> impl Iterator<Item = (Process, &Member)> {
        self.members.iter().filter(|(_, member)| !self.is_over(member))
    }

    /// What there is to tell of them.
    pub fn profiled(&self, id: u64, program: Option<u32>) -> impl Iterator<Item = Profiled> {
        self.going_on().map(move |(process, member)| Profiled {
            pid: member.pid,
            name: self.program.name().to_owned(),
            command: self.program.command.clone(),
            is_program: Some(member.pid) == program,
            started: member.started,
            rate: self.rates.now(),
            in_use: member.live.in_use(),
            counters: self.counters(process),
            key: Key { image: id, number: member.number },
        })
    }

    /// What a process has counted.
    fn counters(&self, process: Process) -> Counters {
        let samples = self.members.get(process).map_or(0, |member| member.live.samples());
        let is_damaged = self.is_damaged || self.progress.is_damaged();
        Counters { is_damaged, ..counters(self.segment.get(), process, samples) }
    }

    /// What was recorded of a process up to now. `id` is the image's.
    pub fn snapshot(&mut self, id: u64, process: Process) -> Option<Snapshot> {
        self.collect_lost_frees(process);
        let member = self.members.get_mut(process)?;
        let point = member.point(Instant::now());
        let taken = taken(self.segment.get(), process, member, self.drained);
        self.complete(id, process, Taken { point, ..taken })
    }

    /// The snapshot of a moment of the process.
    fn complete(&mut self, id: u64, process: Process, taken: Taken) -> Option<Snapshot> {
        self.read_modules();
        let member = self.members.get(process)?;
        let is_damaged = self.is_damaged || self.progress.is_damaged();
        Some(Snapshot {
            key: Key { image: id, number: member.number },
            pid: member.pid,
            program: Arc::clone(&self.program),
            started: member.started,
            taken: taken.at,
            rate: self.rates.period(),
            rates: self.rates.history(),
            counters: Counters { is_damaged, ..taken.counters },
            nodes: self.stacks.nodes(),
            modules: self.modules.clone(),
            calendar: self.eras.calendar(member.started.duration_since(self.began).unwrap_or_default()),
            time_line: member.time_line.until(taken.point),
            most_resident: member.most_resident(),
            sums: taken.sums,
        })
    }

    fn collect_lost_frees(&mut self, process: Process) {
        let segment = *self.segment.get();
        let lost = segment.processes().slot(process).lost_frees.load(Relaxed);
        let now = self.eras.now(Instant::now());
        if let Some(member) = self.members.get_mut(process).filter(|_| lost > 0) {
            for told in segment.lost_frees().stacks() {
                let stack = self.stacks.one(told);
                if member.live.has(stack) {
                    member.live.apply_lost_frees(stack, segment.lost_frees().take(told), now);
                }
            }
        }
    }

    /// Reads the module records that are new, and opens their files while the processes live.
    pub fn read_modules(&mut self) {
        let segment = *self.segment.get();
        let places = Places { executable: &self.program.executable, first: (self.program.pid, &self.files) };
        let has_our_ids = self.has_our_ids;
        self.modules
            .read(&segment, places, |process| segment.processes().pid(process).filter(|_| has_our_ids));
    }
}
