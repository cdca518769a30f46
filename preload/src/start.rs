//! The constructor and the destructor of the library.
//!
//! The constructor runs before other code of the program, with what the kernel put on the stack, and
//! uses nothing of the C library. Everything that needs a file descriptor happens here, and all are
//! closed again.

use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use heaptrace_channel::handshake::{Hello, Refusal};
use heaptrace_channel::header::Start;
use heaptrace_channel::plain::Key;
use heaptrace_channel::{Geometry, Segment};

use heaptrace_recorder::c_library::{self, Objects, Strings};
use heaptrace_recorder::memory::map_shared;
use heaptrace_recorder::sys;

use crate::gate::{self, RECORDER};
use crate::session::{self, Joined, Plain, Settings, announce, complain};
use crate::surroundings::Surroundings;
use crate::{operators, originals, patches, shadow};

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = construct;

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destruct;

/// The arguments are glibc's; musl passes none.
extern "C" fn construct(_: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    RECORDER.touch();
    originals::ensure();
    let surroundings = Surroundings::find((Strings(arguments), Strings(environment)));
    if surroundings.and_then(Surroundings::begin).is_none() {
        gate::stop();
    }
    if let Some(Surroundings { objects, has_sanitizer, .. }) = surroundings {
        objects.are_all();
        if has_sanitizer {
            objects.pass_for_kernels();
        }
    }
}

extern "C" fn destruct() {
    if WAITS.load(Relaxed) {
        RECORDER.notice_fork();
        let ended = RECORDER.process.finish(IS_PROGRAM.load(Relaxed));
        if !ended && ERRORS.lead_where_they_led() {
            complain(&[b"there is no profile: the collector was ended"]);
        }
    }
}

/// The file that errors of the program went to at its start. At its end its standard error may be
/// anything, a database too.
static ERRORS: Errors = Errors([AtomicU64::new(0), AtomicU64::new(0)]);

struct Errors([AtomicU64; 2]);

impl Errors {
    fn remember(&self) {
        let (device, inode) = sys::Fd(2).file().unwrap_or_default();
        self.0[0].store(device, Relaxed);
        self.0[1].store(inode, Relaxed);
    }

    /// Not in a process that has remembered nothing, as another says it.
    fn lead_where_they_led(&self) -> bool {
        let [device, inode] = [&self.0[0], &self.0[1]].map(|half| half.load(Relaxed));
        (device, inode) != (0, 0) && sys::Fd(2).file() == Some((device, inode))
    }
}

/// This process waits for its profile when it exits.
static WAITS: AtomicBool = AtomicBool::new(false);
/// This process is the one that the session is about.
static IS_PROGRAM: AtomicBool = AtomicBool::new(false);

impl Surroundings {
    /// Connects to the collector and begins to record; `None` if that cannot be.
    #[inline(never)] // so that its frame is not below what `Auxiliary::find` starts from
    fn begin(self) -> Option<()> {
        let Surroundings { vector, arguments, environment, objects, .. } = self;
        announce::start(objects);
        c_library::find(objects);
        shadow::start(objects, patches::is_patched);
        // A name that nobody else has is not to be found here either.
        objects.withdraw(originals::missing().chain(operators::start(objects)));
        RECORDER.budget.start();
        let unwinds = RECORDER.unwinder.start(objects, vector.program_headers(), &RECORDER.budget);
        let settings = Settings { environment, complains: false };
        let way = session::Way::find(environment, objects.own_path(), settings.children())?;
        RECORDER.unwinder.set_main_stack_top(arguments.0 as usize);
        let plain = |session: &_| Plain::find(session, objects, vector);
        // Before there is a connection: see `Way::join`.
        let known_plain = way.told.as_ref().filter(|_| settings.patches()).map(plain);
        let executable = known_plain.flatten().and_then(|plain| plain.executable);
        let (rate, children) = (settings.rate(), way.children);
        let startup = Startup { rate, surroundings: self, executable, children, unwinds };
        let file = startup.segment_file();
        let Some(Joined { session, connection, is_new }) = way.join() else {
            let _ = file.map(sys::Fd::close);
            return None;
        };
        let settings = Settings { complains: is_new, ..settings };
        settings.check();
        let wants_patches = settings.patches() && known_plain.unwrap_or_else(|| plain(&session)).is_none();
        let name = Hello::name_of(self.started_as());
        let handed_over = session::hand_over(connection, &session, (name, wants_patches), file);
        if wants_patches || is_new {
            session::ring(&session, objects.own_path());
        }
        let is_program = session.program == sys::pid();
        if let Err(why) = handed_over
            && session.waits
            && is_program
            && !is_new
        {
            session::not_profiled(why); // in manual mode nobody else says it of the program's last image
        }
        let recorded =
            if is_new { session::is_recorded(connection, handed_over) } else { handed_over.is_ok() };
        if !recorded {
            connection.close();
            return None;
        }
        if wants_patches {
            if !is_new {
                session::receive_byte(connection); // the answer, which comes first
            }
            see_inside(connection, objects);
        }
        connection.close();
        if is_new {
            ERRORS.remember();
        }
        WAITS.store(session.waits, Relaxed);
        IS_PROGRAM.store(is_program, Relaxed);
        gate::start(rate, settings.seed());
        Some(())
    }
}

/// Has allocators inside the program seen, if it has any.
fn see_inside(connection: sys::Fd, objects: Objects) {
    let applied = patches::receive(connection);
    shadow::start(objects, patches::is_patched); // a malloc of the program's own may be seen now
    if let Some(header) = RECORDER.process.header() {
        header.patched.store(applied as u8, Relaxed);
        header.shadowed.store(shadow::is_likely().into(), Relaxed);
    }
}

/// What the constructor knows of its program.
struct Startup {
    rate: u64,
    surroundings: Surroundings,
    /// The executable, if the collector knows it.
    executable: Option<Key>,
    /// Forked children are recorded too.
    children: bool,
    /// The unwinder works here.
    unwinds: Result<(), Refusal>,
}

impl Startup {
    /// Makes the segment and this process its first one.
    fn segment_file(&self) -> Result<sys::Fd, Refusal> {
        self.surroundings.check()?;
        self.unwinds?;
        let geometry = self.geometry().ok_or(Refusal::NoMemory)?;
        let file = session::shared_file(c"heaptrace", Segment::size(geometry))?;
        let segment = self.segment(file, geometry).ok_or(Refusal::NoMemory);
        let ready = segment.and_then(|segment| RECORDER.watch_forks().map(|()| segment));
        // SAFETY: this is the constructor.
        let started = ready.map(|segment| unsafe { RECORDER.process.start(segment, self.children) });
        started.map(|()| file).inspect_err(|_| file.close())
    }

    /// The segment's size that the budget allows: that for the rate may take half of it.
    fn geometry(&self) -> Option<Geometry> {
        let usual = Geometry::for_rate(self.rate, sys::processors());
        let much = RECORDER.budget.is_much_shared(Segment::size(usual));
        let geometry = if much { Geometry::SMALLEST } else { usual };
        RECORDER.budget.take_shared(Segment::size(geometry)).then_some(geometry)
    }

    fn segment(&self, file: sys::Fd, geometry: Geometry) -> Option<Segment<'static>> {
        let base = map_shared(file, Segment::size(geometry))?;
        // SAFETY: the mapping has that size and is never given back.
        let segment = unsafe { Segment::create(base.as_ptr(), geometry) };
        let started = sys::now(libc::CLOCK_REALTIME);
        self.surroundings.tell(self.executable, |&who| {
            segment.header().publish(&Start { geometry, rate: self.rate, started, who });
        });
        segment.header().shadowed.store(shadow::is_likely().into(), Relaxed);
        Some(segment)
    }
}
