//! The session: a program, the processes that it starts, and one profile for each.

use std::collections::HashMap;
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::processes::Process;

use crate::attention::is_fine;
use crate::door::Door;
use crate::image::Image;
use crate::images::{ImageId, Images};
use crate::kin::{self, Kin};
use crate::limits;
use crate::listener::{Arrival, Listener};
use crate::members::Member;
use crate::news::{News, Teller};
use crate::output::{About, Output};
use crate::patch::{Planner, Plans};
use crate::program::Program;
use crate::question::{self, Questions};
use crate::request::{Config, Request, Supervisor};
use crate::silent::Silent;
use crate::snapshot::{Key, Snapshot};
use crate::summary::{MOST_NAMED, Malloc, Missed, Refused, Summary, TurnedAway, Unpatched, WhyMissed};
use crate::wake::{Bed, Waker};
use crate::watch::Watch;
use crate::writer::Done;

/// How long a session goes on after the last process has gone: one may just be in exec, between its
/// old image and its new one.
const GRACE: Duration = Duration::from_millis(150);
/// How often those that wait for their profiles at their exit see that the collector works.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Runs a session until its last process has ended, with the plans of its files that there are.
///
/// Without a `supervisor` it is over for nobody in particular: the caller learns nothing of it.
///
/// # Errors
/// If the listening socket cannot be used, or there can be no threads.
pub fn run(config: Config, plans: Plans, supervisor: Option<Box<dyn Supervisor>>) -> io::Result<()> {
    limits::raise();
    let waker = config.bed.waker().clone();
    config.door.iter().try_for_each(|door| door.watch(&waker))?;
    let kin = config.process_events.and_then(|events| Kin::watch(events, &waker).ok());
    supervisor.iter().try_for_each(|supervisor| waker.watch_at_once(supervisor.ear()))?;
    let session = Session {
        kin,
        children: config.children,
        // Who fills its ring at once does not wait until we have rested.
        listener: Listener::new(config.sockets, config.token, &waker, !is_fine(config.rate))?,
        output: Output::new(
            config.pattern,
            config.file,
            config.named,
            config.symbolizer,
            config.witness,
            config.news.clone(),
            &waker,
        ),
        waker,
        bed: config.bed,
        door: config.door,
        questions: config.questions,
        news: config.news,
        planner: Planner::new(plans),
        rate: config.rate,
        program: config.program,
        interval: config.interval.map(|interval| (interval, Instant::now() + interval)),
        images: Images::none(),
        summary: Summary::default(),
        refused: HashMap::new(),
        supervisor,
        is_asked: false,
        telling: None,
        most_resident: 0,
        last_life: Instant::now(),
    };
    let telling = session.run();
    telling.map(JoinHandle::join); // what is told may still be on its way
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
    bed: Bed,
    /// Where nobody has knocked yet.
    door: Option<Door>,
    questions: Questions,
    output: Output,
    /// Who follows what becomes of the processes.
    news: Option<Teller>,
    planner: Planner,
    rate: u64,
    program: Option<Program>,
    /// How often profiles are written of processes that go on, and when next.
    interval: Option<(Duration, Instant)>,
    images: Images,
    summary: Summary,
    /// What the program went on to that could not be recorded, and said so.
    refused: HashMap<u32, String>,
    /// Who will ask how it went.
    supervisor: Option<Box<dyn Supervisor>>,
    /// It wants to know when the program's profiles are there.
    is_asked: bool,
    /// It is being told.
    telling: Option<JoinHandle<()>>,
    /// What the program's largest resident set was, as far as is known since then.
    most_resident: u64,
    last_life: Instant,
}

/// A process that is over, or waits at its exit.
struct Finished {
    /// Its image's place.
    index: usize,
    process: Process,
    over: bool,
}

impl Session {
    /// Returns what goes on beside it.
    fn run(mut self) -> Option<JoinHandle<()>> {
        let done = self.output.done().clone();
        self.output.rehearse();
        while !(self.is_over() && self.is_unreachable()) {
            self.bed.sleep(self.pause());
            done.try_iter().for_each(|done| self.written(done));
            self.hear();
            self.kin.iter_mut().for_each(Kin::look);
            self.open_door();
            // Before any is answered all are taken on that have come, and what they wrote.
            let questions: Vec<_> = self.questions.try_iter().collect();
            self.welcome();
            self.images.drain();
            let program = self.program.as_ref().map(|program| program.pid);
            questions
                .into_iter()
                .for_each(|question| question::answer(question, self.images.all_mut(), program));
            self.write_meanwhile();
            self.finish_processes();
            self.drop_images();
            self.answer();
        }
        self.telling
    }

    /// Does what the supervisor has asked for since the last look.
    fn hear(&mut self) {
        while let Some(supervisor) = &mut self.supervisor {
            match supervisor.hear() {
                Ok(Some(request)) => self.request(request),
                Ok(None) if self.is_asked => return supervisor.wait(),
                Ok(None) => return,
                Err(_) => self.supervisor = None,
            }
        }
    }

    /// Has those served who come, once somebody does.
    fn open_door(&mut self) {
        if let Some(door) = self.door.take_if(|door| door.is_knocked_at()) {
            door.open();
        }
    }

    /// How long to sleep if nothing wakes us.
    fn pause(&self) -> Duration {
        const MESSAGE: Duration = Duration::from_millis(1);
        if self.listener.is_waiting() {
            return MESSAGE;
        }
        let writing = (self.is_asked || !self.output.is_idle()).then_some(HEARTBEAT);
        let next = self.interval.map(|(_, next)| next.saturating_duration_since(Instant::now()));
        let kin = self.kin.as_ref().and_then(Kin::pause);
        let pauses = self.images.pause().into_iter().chain(writing).chain(next).chain(kin);
        pauses.min().unwrap_or(GRACE)
    }

    fn is_over(&self) -> bool {
        let idle = self.images.all().is_empty() && self.output.is_idle() && self.supervisor.is_none();
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
            self.images.drain();
        }
        arrivals.into_iter().for_each(|arrival| self.arrive(arrival));
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.last_life = Instant::now();
        self.images.hurry();
        // The same process in a new image: the old one is over. But not if it is an emulator's, which goes
        // on under the program that it runs.
        let is_emulated = matches!(arrival.segment, Err(Refusal::ForksUnseen));
        let has_left = !is_emulated && self.images.replace(arrival.pid);
        self.summary.processes += usize::from(!has_left);
        let watch = Watch::on(arrival.pid, &self.waker);
        if let Some(silent) = self.silent(&arrival, &watch) {
            return self.pass(arrival.pid, &silent);
        }
        let watched = (arrival.pid, watch);
        let image =
            arrival.segment.and_then(|file| Image::open(file, watched, &self.planner.plain, &self.waker));
        if let Some(kin) = &self.kin {
            kin.announce(arrival.pid, image.as_ref().map_or_else(|_| kin::now(), Image::started));
        }
        arrival.connection.answer(image.as_ref().map(|_| ()).map_err(|&why| why));
        self.refused.remove(&arrival.pid);
        match image {
            Ok(mut image) => {
                if arrival.wants_patches {
                    image.left = self.planner.tell(arrival.pid, arrival.connection);
                }
                self.images.add(image);
            }
            Err(why) => {
                // As which one is the program may not be known yet.
                let may_be_program = self.program.as_ref().is_none_or(|program| program.pid == arrival.pid);
                if !is_emulated && may_be_program {
                    self.refused.insert(arrival.pid, arrival.name.clone());
                }
                self.refuse(Refused { pid: arrival.pid, name: arrival.name, why });
            }
        }
    }

    /// A process that was over before it arrived here, and recorded nothing; not the program, which has a profile.
    fn silent(&self, arrival: &Arrival, watch: &Watch) -> Option<Silent> {
        let may_be_program =
            self.program.as_ref().map_or(self.supervisor.is_some(), |program| program.pid == arrival.pid);
        let is_other = matches!(watch, Watch::Over) && !arrival.wants_patches && !may_be_program;
        arrival.segment.as_ref().ok().filter(|_| is_other).and_then(Silent::of)
    }

    fn pass(&mut self, pid: u32, silent: &Silent) {
        self.kin.iter().for_each(|kin| kin.announce(pid, silent.started()));
        self.refused.remove(&pid);
        if let Some(name) = silent.with_own_malloc(pid, &self.planner.plain) {
            Missed::one(pid, name, WhyMissed::OwnMalloc).add_to(&mut self.summary.missed);
        }
    }

    fn refuse(&mut self, process: Refused) {
        if self.summary.refused.len() < MOST_NAMED {
            self.summary.refused.push(process);
        } else {
            self.summary.other_refused += 1;
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Started(program) => {
                self.refused.retain(|&pid, _| pid == program.pid);
                self.program = Some(program);
            }
            Request::Ended { most_resident } => {
                self.welcome(); // whatever has ended by now announced itself before
                self.is_asked = true;
                self.most_resident = most_resident;
            }
        }
    }

    /// The program gets its file even if it could not be recorded, or not in its last image. True if it
    /// has none yet.
    fn write_empty(&mut self) -> bool {
        let Some(mut program) = self.program.clone() else { return false };
        let left = self.kin.as_ref().and_then(|kin| kin.left(program.pid));
        let refused = self.refused.get(&program.pid);
        let is_unseen = left.is_some() || refused.is_some();
        let is_member = |image: &Image| image.members().iter().any(|(_, member)| member.pid == program.pid);
        if self.output.has_program()
            || (!is_unseen && self.images.all().iter().any(|(_, image)| is_member(image)))
        {
            return false;
        }
        let malloc = if is_unseen { Malloc::Unseen } else { Malloc::NeverCalled };
        if let Some(name) = refused {
            program.executable = name.into();
            program.started_as.clone_from(&program.executable);
        }
        if let Some(Missed { why: WhyMissed::Silent { executable, .. }, .. }) = left
            && !executable.is_empty()
        {
            program.executable = executable.into();
            program.started_as.clone_from(&program.executable);
        }
        let about = About { name: program.name().to_owned(), is_program: true, malloc, waiting: None };
        let key = Key { image: ImageId::MAX, number: 0 };
        let nothing = Snapshot::of_nothing(key, program, self.rate);
        self.output.write(Snapshot { most_resident: self.most_resident, ..nothing }, about);
        true
    }

    /// Has profiles written for processes that go on, if it is time.
    fn write_meanwhile(&mut self) {
        let Some((interval, next)) = &mut self.interval else { return };
        if Instant::now() < *next {
            return;
        }
        // What was missed, as this machine slept, is not made up for.
        *next = (*next + *interval).max(Instant::now());
        let program = self.program.as_ref().map(|program| program.pid);
        for (id, image) in self.images.all_mut() {
            let going_on: Vec<_> = image.going_on().map(|(process, _)| process).collect();
            for snapshot in going_on.into_iter().filter_map(|process| image.snapshot(*id, process)) {
                let is_program = Some(snapshot.pid) == program;
                if is_program || snapshot.counters.samples > 0 {
                    self.output.write_meanwhile(snapshot, is_program);
                }
            }
        }
    }

    /// Has profiles written for processes that are over, and for those that wait at their exit.
    fn finish_processes(&mut self) {
        if self.supervisor.is_some() && self.program.is_none() {
            return; // which one is the program will be known in an instant
        }
        let finished: Vec<_> = (0..self.images.all().len()).flat_map(|index| self.finished(index)).collect();
        if finished.is_empty() {
            return;
        }
        // Who has ended as another program has announced itself as that before, and what they wrote
        // last is in the rings.
        self.welcome();
        for Finished { index, process, over } in finished {
            if !self.images.all_mut()[index].1.drain_written() {
                continue;
            }
            self.finish(index, process, over);
            if over {
                self.forget(index, process);
            }
        }
    }

    /// The processes of an image that are over, or wait at their exit.
    fn finished(&self, index: usize) -> Vec<Finished> {
        let (id, image) = &self.images.all()[index];
        let is_writing = |member: &Member| self.output.is_writing(Key { image: *id, number: member.number });
        let members = image.members().iter().filter(|(_, member)| !is_writing(member));
        let members = members.map(|(process, member)| (process, member.pid, image.is_over(member)));
        let finished = members.filter(|&(process, pid, over)| match over {
            true => !self.will_be_told_of(index, pid),
            false => image.is_exiting(process),
        });
        finished.map(|(process, _, over)| Finished { index, process, over }).collect()
    }

    /// Is it the program, at whose end somebody tells what the kernel says of it, but has not yet?
    fn will_be_told_of(&self, index: usize, pid: u32) -> bool {
        self.supervisor.is_some() && !self.is_asked && self.is_program(index, pid, true)
    }

    /// Is it the program? An image that it left by exec is not its last one.
    fn is_program(&self, index: usize, pid: u32, over: bool) -> bool {
        let is_superseded = || {
            self.images.all()[index + 1..].iter().any(|(_, image)| image.program.pid == pid)
                || (over && self.refused.contains_key(&pid))
                || (over && self.kin.as_ref().is_some_and(|kin| kin.left(pid).is_some()))
        };
        self.program.as_ref().is_some_and(|program| program.pid == pid) && !is_superseded()
    }

    /// Has a profile written, unless there is nothing to say, or nothing new.
    fn finish(&mut self, index: usize, process: Process, over: bool) {
        let image = &self.images.all()[index].1;
        let Some(member) = image.members().get(process) else { return };
        let pid = member.pid;
        let is_program = self.is_program(index, pid, over);
        let is_empty = member.events == 0 && !is_program;
        let name = image.program.name().to_owned();
        if is_empty && over && image.has_own_malloc() {
            Missed::one(pid, name.clone(), WhyMissed::OwnMalloc).add_to(&mut self.summary.missed);
        }
        if over
            && member.is_first()
            && let Some(why) = image.unpatched()
        {
            let known = self.summary.unpatched.iter().any(|other| other.name == name && other.why == why);
            if !known {
                self.summary.unpatched.push(Unpatched { name: name.clone(), pid, why });
            }
        }
        let (id, image) = &mut self.images.all_mut()[index];
        if is_empty || image.is_written(process) {
            return image.tell_written(process);
        }
        let Some(mut snapshot) = image.snapshot(*id, process) else { return };
        if is_program {
            snapshot.most_resident = snapshot.most_resident.max(self.most_resident);
        }
        self.news.iter().for_each(|news| news.tell(News::Ended(Box::new(snapshot.clone()))));
        let malloc = match (image.has_own_malloc(), image.called()) {
            (true, _) => Malloc::Own,
            (_, true) => Malloc::Hooked,
            (_, false) => Malloc::NeverCalled,
        };
        self.output.write(snapshot, About { name, is_program, malloc, waiting: (!over).then_some(process) });
    }

    /// A process is over, and all that it wrote has been read: another may have its slot.
    fn forget(&mut self, index: usize, process: Process) {
        self.images.hurry();
        let (id, image) = &mut self.images.all_mut()[index];
        if let Some(member) = image.members().get(process) {
            let key = Key { image: *id, number: member.number };
            self.output.settle(key);
            self.news.iter().for_each(|news| news.tell(News::Gone(key)));
        }
        let announced_itself = image.members().get(process).is_none_or(Member::is_first);
        self.summary.processes += usize::from(!announced_itself);
        image.remove(process);
    }

    fn written(&mut self, done: Done) {
        let image = self.images.find(done.key.image);
        if let Some((process, image)) = self.output.written(done).zip(image) {
            image.tell_written(process);
        }
    }

    /// Drops images in which nothing can happen any more.
    fn drop_images(&mut self) {
        let told = &mut self.summary.turned_away;
        let is_told =
            |image: &Image| turned_away(image).into_iter().for_each(|children| children.add_to(told));
        let none_forked = self.is_asked && self.kin.as_ref().is_some_and(|kin| !kin.have_forked());
        if self.images.drop_abandoned(self.is_asked, none_forked, is_told) {
            self.last_life = Instant::now();
        }
    }

    /// Answers who asked, when every process that is over has its profile.
    fn answer(&mut self) {
        let waiting = self.is_asked && self.output.is_idle();
        let is_settled = |image: &Image| !image.members().iter().any(|(_, member)| image.is_over(member));
        if waiting && self.images.all().iter().all(|(_, image)| is_settled(image)) && !self.write_empty() {
            let (missed, has_gaps) = self.kin.take().map(|kin| kin.missed()).unwrap_or_default();
            self.summary.missed_more = has_gaps;
            let program = self.program.as_ref().map(|program| program.pid);
            let is_wanted = |missed: &Missed| self.children || Some(missed.pid) == program;
            missed.into_iter().filter(is_wanted).for_each(|missed| missed.add_to(&mut self.summary.missed));
            let turned_away = self.images.all().iter().filter_map(|(_, image)| turned_away(image));
            turned_away.for_each(|children| children.add_to(&mut self.summary.turned_away));
            self.summary.running = self.images.all().len();
            self.output.tell(&mut self.summary);
            self.is_asked = false;
            let supervisor = self.supervisor.take();
            // That it goes is no news.
            supervisor.iter().for_each(|supervisor| self.waker.forget(supervisor.ear()));
            self.telling = supervisor.and_then(|supervisor| supervisor.tell(self.summary.clone()));
        }
    }
}
