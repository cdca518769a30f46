//! The session: it takes the counters of all processes, and reads them when they are over.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use heaptrace_channel::config::TOKEN_LENGTH;

use super::facts::{Counted, ProcessCounts};
use super::image::Image;
use super::inside::{CodeFiles, Known};
use crate::kin::{self, Kin, ProcessEvents};
use crate::limits;
use crate::listener::{Arrival, Listener, Sockets};
use crate::summary::{Missed, Refused, WhyMissed};
use crate::wake::Bed;

/// How often it is looked whether images are over, whose memory can be given back.
const INTERVAL: Duration = Duration::from_millis(500);
/// Processes that are told apart in what is told.
const MOST_TOLD: usize = 10_000;

/// How a session is to be run.
#[derive(Debug)]
pub struct Config {
    /// The sockets on which processes announce themselves.
    pub sockets: Sockets,
    /// What they must know.
    pub token: [u8; TOKEN_LENGTH],
    /// Who tells of the processes that do not announce themselves, if anybody does.
    pub process_events: Option<ProcessEvents>,
    /// What the program starts is to be counted too.
    pub children: bool,
}

/// What is asked of a running session.
#[derive(Debug)]
pub enum Request {
    /// The program was started, as this process.
    Started(u32),
    /// The program has ended.
    Ended,
}

/// Runs a session until its program has ended, and returns what was counted; nothing if nobody asks any more. `hear`
/// tells what is asked for, or fails if nothing will be, whenever something wakes who sleeps in `bed`.
///
/// # Errors
/// If the listening socket cannot be used, or there can be no threads.
pub fn run(
    config: Config,
    mut bed: Bed,
    mut hear: impl FnMut() -> io::Result<Option<Request>>,
) -> io::Result<Option<Counted>> {
    limits::raise();
    let mut session = Counting {
        kin: config.process_events.and_then(|events| Kin::watch(events, bed.waker()).ok()),
        children: config.children,
        listener: Listener::new(config.sockets, config.token, bed.waker(), false)?,
        program: 0,
        images: Vec::new(),
        known: Known::default(),
        counted: Counted::default(),
    };
    let mut looked = Instant::now();
    loop {
        let pause = if session.listener.is_waiting() { Duration::from_millis(1) } else { INTERVAL };
        let kin = session.kin.as_ref().and_then(Kin::pause);
        bed.sleep(kin.into_iter().fold(pause, Duration::min));
        session.kin.iter_mut().for_each(Kin::look);
        loop {
            match hear() {
                Ok(Some(Request::Started(program))) => session.program = program,
                Ok(Some(Request::Ended)) => return Ok(Some(session.end())),
                Ok(None) => break,
                Err(_) => {
                    session.listener.close(); // whoever asked is gone
                    return Ok(None);
                }
            }
        }
        session.welcome();
        if looked.elapsed() >= INTERVAL {
            session.read_those_over();
            looked = Instant::now();
        }
    }
}

struct Counting {
    kin: Option<Kin>,
    children: bool,
    listener: Listener,
    program: u32,
    /// Each with what it has code of.
    images: Vec<(Image, CodeFiles)>,
    known: Known,
    counted: Counted,
}

impl Counting {
    fn welcome(&mut self) {
        self.listener.arrivals().into_iter().for_each(|arrival| self.arrive(arrival));
    }

    fn arrive(&mut self, arrival: Arrival) {
        let Arrival { pid, name, segment, connection, .. } = arrival;
        let image = segment.and_then(|file| Image::open(file, pid));
        if let Some(kin) = &self.kin {
            kin.announce(pid, image.as_ref().map_or_else(|_| kin::now(), Image::started));
        }
        let executable = image.as_ref().map_or(Path::new(""), |image| &image.program().executable);
        let files = CodeFiles::of(pid, executable); // it may be over soon
        connection.answer(image.as_ref().map(|_| ()).map_err(|&why| why));
        match image {
            Ok(image) => self.images.push((image, files)),
            Err(why) => self.counted.refused.push(Refused { pid, name, why }),
        }
    }

    fn read_those_over(&mut self) {
        let (over, images): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.images).into_iter().partition(|(image, _)| image.is_over());
        self.images = images;
        over.iter().for_each(|image| self.read(image));
    }

    fn read(&mut self, (image, files): &(Image, CodeFiles)) {
        let (pid, name) = (image.program().pid, image.program().name().to_owned());
        if image.has_own_malloc() {
            Missed::one(pid, name, WhyMissed::OwnMalloc).add_to(&mut self.counted.missed);
            return;
        }
        if self.known.calls_allocator(files) {
            Missed::one(pid, name, WhyMissed::Inside).add_to(&mut self.counted.missed);
        }
        image.processes(self.program).for_each(|process| self.add(process));
    }

    /// Adds what a process counted; where there are too many, to what another of its program did.
    fn add(&mut self, process: ProcessCounts) {
        let all = &mut self.counted.processes;
        let is_like = |other: &&mut ProcessCounts| other.name == process.name && !other.is_program;
        if all.len() >= MOST_TOLD
            && !process.is_program
            && let Some(other) = all.iter_mut().find(is_like)
        {
            other.processes += process.processes;
            other.counts += &process.counts;
        } else {
            all.push(process);
        }
    }

    /// Reads all that is left, of those too that still run.
    fn end(&mut self) -> Counted {
        self.listener.close();
        self.welcome(); // whatever has ended by now announced itself before
        while self.listener.is_waiting() {
            std::thread::sleep(Duration::from_millis(1));
            self.welcome();
        }
        self.read_those_over();
        self.counted.running = self.images.len();
        let running = std::mem::take(&mut self.images);
        running.iter().for_each(|image| self.read(image));
        let (missed, has_gaps) = self.kin.take().map(|kin| kin.missed()).unwrap_or_default();
        self.counted.missed_more = has_gaps;
        let is_wanted = |missed: &Missed| self.children || missed.pid == self.program;
        missed.into_iter().filter(is_wanted).for_each(|missed| missed.add_to(&mut self.counted.missed));
        std::mem::take(&mut self.counted)
    }
}
