//! The session: a program, the processes that it starts, and one profile for each.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, never, select};
use hashbrown::HashMap;
use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::processes::Process;

use crate::image::{Image, Member};
use crate::kin::{self, Kin};
use crate::limits;
use crate::listener::{Arrival, Listener};
use crate::naming::{Pattern, Subject, insert};
use crate::program::Program;
use crate::recording::{Counters, Recording, Stacks};
use crate::request::{Config, Request, Witness};
use crate::summary::{Malloc, Missed, Outcome, Refused, Summary, TurnedAway, WhyMissed, Written};
use crate::wake::Waker;
use crate::writer::{Done, Job, Writers};

/// How long a session goes on after the last process has gone: one may just be in exec, between its
/// old image and its new one.
const GRACE: Duration = Duration::from_millis(150);
/// How soon an image without a known process is looked at for unknown ones, and, after having been
/// left longer and longer, how often at least.
const ABANDON_INTERVAL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How often those that wait for their profiles at their exit see that the collector works.
const HEARTBEAT: Duration = Duration::from_millis(100);
const WRITERS: usize = 2;

type ImageId = u64;
/// A process: its image, and its number there.
type Key = (ImageId, u64);

/// A profile that is being written.
#[derive(Debug)]
struct Pending {
    written: Written,
    /// The process that waits for it, if it lives.
    waiting: Option<Process>,
}

/// Runs a session until its last process has ended.
///
/// Without `requests` it is over for nobody in particular: the caller learns nothing of it.
///
/// # Errors
/// If the listening socket cannot be used, or there can be no threads.
pub fn run(config: Config, requests: Option<Receiver<Request>>) -> io::Result<()> {
    limits::raise();
    let (waker, wakes) = Waker::new()?;
    let session = Session {
        kin: config.process_events.and_then(|events| Kin::watch(events).ok()),
        children: config.children,
        listener: Listener::new(config.sockets, config.token, &waker)?,
        waker,
        pattern: config.pattern,
        writers: Writers::start(WRITERS, config.symbolizer)?,
        rate: config.rate,
        program: config.program,
        witness: config.witness,
        images: Vec::new(),
        next_image: 0,
        pending: HashMap::new(),
        paths: HashMap::new(),
        summary: Summary::default(),
        supervised: requests.is_some(),
        asked: None,
        last_life: Instant::now(),
        last_abandon_check: Instant::now(),
        abandon_interval: ABANDON_INTERVAL.0,
    };
    session.run(&requests.unwrap_or_else(never), &wakes);
    Ok(())
}

/// The program of whose forked children some could not be recorded, and how many.
fn turned_away(image: &Image) -> Option<TurnedAway> {
    let count = image.turned_away();
    (count > 0).then(|| TurnedAway { name: image.program.name().to_owned(), count })
}

struct Session {
    listener: Listener,
    /// Who did not announce itself, until that has been told.
    kin: Option<Kin>,
    children: bool,
    waker: Waker,
    pattern: Pattern,
    writers: Writers<Key>,
    rate: u64,
    program: Option<Program>,
    witness: Option<Box<dyn Witness>>,
    images: Vec<(ImageId, Image)>,
    next_image: ImageId,
    pending: HashMap<Key, Pending>,
    /// Whose each path is.
    paths: HashMap<PathBuf, Key>,
    summary: Summary,
    /// Somebody will ask how it went.
    supervised: bool,
    /// Who wants to know when the program's profiles are there.
    asked: Option<Sender<Summary>>,
    last_life: Instant,
    last_abandon_check: Instant,
    abandon_interval: Duration,
}

impl Session {
    fn run(mut self, requests: &Receiver<Request>, wakes: &Receiver<()>) {
        let done = self.writers.done().clone();
        while !(self.is_over() && self.is_unreachable()) {
            let requests = if self.supervised { requests } else { &never() };
            select! {
                recv(done) -> done => done.into_iter().for_each(|done| self.written(done)),
                recv(requests) -> request => match request {
                    Ok(request) => self.request(request),
                    Err(_) => self.supervised = false,
                },
                recv(wakes) -> _ => {}
                default(self.pause()) => {}
            }
            self.welcome();
            self.drain();
            self.finish_processes();
            self.drop_images();
            self.answer();
        }
    }

    /// How long to sleep if nothing wakes us.
    fn pause(&self) -> Duration {
        const MESSAGE: Duration = Duration::from_millis(1);
        if self.listener.is_waiting() {
            return MESSAGE;
        }
        let of = |image: &Image| match image.is_deserted() {
            true => image.pause().min(self.abandon_interval),
            false => image.pause(),
        };
        let writing = (!self.pending.is_empty()).then_some(HEARTBEAT);
        self.images.iter().map(|(_, image)| of(image)).chain(writing).min().unwrap_or(GRACE)
    }

    fn is_over(&self) -> bool {
        let idle = self.images.is_empty() && self.pending.is_empty() && !self.supervised;
        idle && self.last_life.elapsed() > GRACE && !self.listener.is_waiting()
    }

    /// Lets nobody in any more, who then finds another session. False if somebody just came in.
    fn is_unreachable(&mut self) -> bool {
        self.listener.close();
        self.welcome();
        self.is_over()
    }

    /// Takes on the processes that have started.
    fn welcome(&mut self) {
        let arrivals = self.listener.arrivals();
        if !arrivals.is_empty() {
            // What they recorded as forked children, before they went on to another program.
            self.drain();
        }
        arrivals.into_iter().for_each(|arrival| self.arrive(arrival));
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.last_life = Instant::now();
        self.abandon_interval = ABANDON_INTERVAL.0;
        // The same process in a new image: the old one is over. But not if it is an emulator's, which goes
        // on under the program that it runs.
        let is_emulated = matches!(arrival.segment, Err(Refusal::ForksUnseen));
        let leave = |(_, image): &mut (ImageId, Image)| image.replace(arrival.pid);
        let images = self.images.iter_mut().filter(|_| !is_emulated);
        let left = images.map(leave).filter(|&left| left).count();
        self.summary.processes += usize::from(left == 0);
        let image = arrival.segment.and_then(|file| Image::open(file, arrival.pid, &self.waker));
        if let Some(kin) = &self.kin {
            kin.announce(arrival.pid, image.as_ref().map_or_else(|_| kin::now(), Image::started));
        }
        arrival.connection.answer(image.as_ref().map(|_| ()).map_err(|&why| why));
        match image {
            Ok(image) => {
                self.images.push((self.next_image, image));
                self.next_image += 1;
            }
            Err(why) => self.summary.refused.push(Refused { pid: arrival.pid, name: arrival.name, why }),
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Started(program) => self.program = Some(program),
            Request::Ended(answer) => {
                self.welcome(); // whatever has ended by now announced itself before
                self.asked = Some(answer);
            }
        }
    }

    /// The program gets its file even if it could not be recorded, or not in its last image. True if it
    /// has none yet.
    fn write_empty(&mut self) -> bool {
        let Some(mut program) = self.program.clone() else { return false };
        let left = self.kin.as_ref().and_then(|kin| kin.left(program.pid));
        let is_member = |image: &Image| image.members().any(|(_, member)| member.pid == program.pid);
        if self.summary.profiles.iter().any(|written| written.is_program)
            || (left.is_none() && self.images.iter().any(|(_, image)| is_member(image)))
        {
            return false;
        }
        let malloc = if left.is_some() { Malloc::Unseen } else { Malloc::NeverCalled };
        if let Some(Missed { why: WhyMissed::Silent { executable, .. }, .. }) = left
            && !executable.is_empty()
        {
            program.executable = executable.into();
            program.started_as.clone_from(&program.executable);
        }
        let recording = Recording {
            pid: program.pid,
            command: program.command.clone(),
            executable: program.executable.clone(),
            started: SystemTime::now(),
            duration: Duration::ZERO,
            rate: self.rate,
            counters: Counters::default(),
            modules: Vec::new(),
            stacks: Stacks::default(),
            rows: Vec::new(),
        };
        let (name, key) = (program.name().to_owned(), (ImageId::MAX, 0));
        self.write(key, recording, name, true, malloc, None);
        true
    }

    fn drain(&mut self) {
        for (_, image) in &mut self.images {
            image.read_modules();
            image.drain();
        }
    }

    /// Has profiles written for processes that are over, and for those that wait at their exit.
    fn finish_processes(&mut self) {
        if self.supervised && self.program.is_none() {
            return; // which one is the program will be known in an instant
        }
        for index in 0..self.images.len() {
            let (id, image) = &mut self.images[index];
            let id = *id;
            let finished: Vec<_> = image
                .members()
                .filter(|(_, member)| !self.pending.contains_key(&(id, member.number)))
                .map(|(process, member)| (process, image.is_over(member)))
                .filter(|&(process, over)| over || image.is_exiting(process))
                .collect();
            if finished.is_empty() {
                continue;
            }
            // Who has ended as another program has announced itself as that before, and what they wrote
            // last is in the rings.
            self.welcome();
            if !self.images[index].1.drain_written() {
                continue;
            }
            for (process, over) in finished {
                self.finish(index, process, over);
                if over {
                    self.forget(index, process);
                }
            }
        }
    }

    /// Has a profile written, unless there is nothing to say, or nothing new.
    fn finish(&mut self, index: usize, process: Process, over: bool) {
        let (id, image) = &self.images[index];
        let Some(member) = image.member(process) else { return };
        let (key, pid) = ((*id, member.number), member.pid);
        // An image that the program left by exec is not its last one.
        let superseded = self.images[index + 1..].iter().any(|(_, image)| image.program.pid == pid)
            || (over && self.kin.as_ref().is_some_and(|kin| kin.left(pid).is_some()));
        let is_program = !superseded && self.program.as_ref().is_some_and(|program| program.pid == pid);
        let is_empty = member.events == 0 && !is_program;
        if is_empty && over && image.has_own_malloc() {
            let name = image.program.name().to_owned();
            self.summary.missed.push(Missed { pid, name, why: WhyMissed::OwnMalloc });
        }
        if is_empty || member.events_in_profile == Some(member.events) {
            return image.tell_written(process);
        }
        let image = &mut self.images[index].1;
        let Some(recording) = image.recording(process) else { return };
        let malloc = match (image.has_own_malloc(), image.called()) {
            (true, _) => Malloc::Own,
            (_, true) => Malloc::Hooked,
            (_, false) => Malloc::NeverCalled,
        };
        let name = image.program.name().to_owned();
        self.write(key, recording, name, is_program, malloc, (!over).then_some(process));
    }

    /// A process is over, and all that it wrote has been read: another may have its slot.
    fn forget(&mut self, index: usize, process: Process) {
        self.abandon_interval = ABANDON_INTERVAL.0;
        let image = &mut self.images[index].1;
        let announced_itself = image.member(process).is_none_or(Member::is_first);
        self.summary.processes += usize::from(!announced_itself);
        image.remove(process);
    }

    fn write(
        &mut self,
        key: Key,
        recording: Recording,
        name: OsString,
        is_program: bool,
        malloc: Malloc,
        waiting: Option<Process>,
    ) {
        let subject = Subject { name: &name, pid: recording.pid, started: recording.started, is_program };
        let path = self.unused(self.pattern.path(&subject), key);
        let written = Written {
            path: path.clone(),
            is_program,
            name,
            pid: recording.pid,
            counters: recording.counters,
            rate: recording.rate,
            malloc,
            outcome: Outcome::File,
        };
        self.pending.insert(key, Pending { written, waiting });
        self.writers.write(Job { key, path, recording });
    }

    /// The path, or one like it if an earlier image of this session has that one.
    fn unused(&mut self, path: PathBuf, key: Key) -> PathBuf {
        let free = |path: &PathBuf| self.paths.get(path).is_none_or(|owner| *owner == key);
        let candidates = std::iter::once(path.clone()).chain((2..).map(|n| insert(&path, &n.to_string())));
        let chosen = candidates.into_iter().find(free).unwrap_or(path);
        self.paths.insert(chosen.clone(), key);
        chosen
    }

    fn written(&mut self, done: Done<Key>) {
        let Some(Pending { mut written, waiting }) = self.pending.remove(&done.key) else { return };
        written.outcome = match done.result {
            Ok(()) if written.path.is_file() => Outcome::File,
            Ok(()) => Outcome::Stream,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        if let (Outcome::Failed(_), Some(witness)) = (&written.outcome, &self.witness) {
            witness.not_written(&written);
        }
        self.summary.profiles.retain(|earlier| earlier.path != written.path);
        self.summary.profiles.push(written);
        let (id, _) = done.key;
        if let Some((process, (_, image))) = waiting.zip(self.images.iter().find(|image| image.0 == id)) {
            image.tell_written(process);
        }
    }

    /// Drops images in which nothing can happen any more.
    fn drop_images(&mut self) {
        if self.last_abandon_check.elapsed() < self.abandon_interval && self.asked.is_none() {
            return;
        }
        self.last_abandon_check = Instant::now();
        let before = self.images.len();
        let turned_away = &mut self.summary.turned_away;
        self.images.retain_mut(|(_, image)| {
            // After it was abandoned, one more look: an unknown child may have written until then.
            let goes_on = !image.is_abandoned() || image.drain() > 0 || image.members().next().is_some();
            if !goes_on {
                turned_away.extend(self::turned_away(image));
            }
            goes_on
        });
        self.abandon_interval = (2 * self.abandon_interval).min(ABANDON_INTERVAL.1);
        if self.images.len() != before {
            self.last_life = Instant::now();
        }
    }

    /// Answers who asked, when every process that is over has its profile.
    fn answer(&mut self) {
        let waiting = self.asked.is_some() && self.pending.is_empty();
        let is_settled = |image: &Image| !image.members().any(|(_, member)| image.is_over(member));
        if waiting && self.images.iter().all(|(_, image)| is_settled(image)) && !self.write_empty() {
            let (missed, has_gaps) = self.kin.take().map(|kin| kin.missed()).unwrap_or_default();
            self.summary.missed_more = has_gaps;
            let program = self.program.as_ref().map(|program| program.pid);
            let is_wanted = |missed: &Missed| self.children || Some(missed.pid) == program;
            self.summary.missed.extend(missed.into_iter().filter(is_wanted));
            self.summary.turned_away.extend(self.images.iter().filter_map(|(_, image)| turned_away(image)));
            self.summary.running = self.images.len();
            self.summary.complaints = self.writers.complaints();
            if let Some(answer) = self.asked.take() {
                answer.send(self.summary.clone()).ok();
                self.supervised = false;
            }
        }
    }
}
