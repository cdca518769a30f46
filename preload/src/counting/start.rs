//! The constructor of the library.

use core::ffi::{c_char, c_int};

use heaptrace_channel::config::{self, SessionAddress};
use heaptrace_channel::counters::Counters;
use heaptrace_channel::handshake::{Hello, Refusal};
use heaptrace_recorder::c_library::Strings;
use heaptrace_recorder::memory::{Budget, map_shared};
use heaptrace_recorder::sys;

use super::{operators, state, usable};
use crate::session::{self, Settings};
use crate::surroundings::Surroundings;
use crate::{originals, shadow};

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = construct;

/// The arguments are glibc's; musl passes none.
extern "C" fn construct(_: c_int, arguments: *const *const c_char, environment: *const *const c_char) {
    usable::ensure();
    let surroundings = Surroundings::find((Strings(arguments), Strings(environment)));
    if surroundings.and_then(begin).is_none() {
        state::stop();
    }
    if let Some(Surroundings { objects, has_sanitizer, .. }) = surroundings {
        objects.are_all();
        if has_sanitizer {
            objects.pass_for_kernels();
        }
    }
}

/// Connects to who wants the counts and begins to count; `None` if that cannot be.
#[inline(never)] // so that its frame is not below what `Auxiliary::find` starts from
fn begin(surroundings: Surroundings) -> Option<()> {
    let Surroundings { environment, objects, .. } = surroundings;
    shadow::start(objects, |_| false);
    // A name that nobody else has is not to be found here either.
    objects.withdraw(originals::missing().chain(operators::start(objects)));
    let session = environment.value(config::SESSION)?.to_bytes();
    let session = SessionAddress::parse(session)?;
    let children = Settings { environment, complains: false }.children();
    if !children && session.program != sys::pid() {
        return None;
    }
    let connection = session::connect(&session, objects.own_path()).ok()?;
    let name = Hello::name_of(surroundings.started_as());
    let handed_over =
        session::hand_over(connection, &session, (name, false), counters_file(surroundings, children));
    connection.close();
    if handed_over.is_ok() {
        operators::see_all();
    }
    handed_over.ok()
}

/// Makes the counters, and this process the first one that counts.
fn counters_file(surroundings: Surroundings, children: bool) -> Result<sys::Fd, Refusal> {
    surroundings.check()?;
    let budget = Budget::new();
    budget.start();
    usable::start(surroundings.objects);
    let much = budget.is_much_shared(Counters::size(Counters::SLOTS));
    let slots = if much { Counters::FEW_SLOTS } else { Counters::SLOTS };
    let size = Counters::size(slots);
    if !budget.take_shared(size) {
        return Err(Refusal::NoMemory);
    }
    let file = session::shared_file(c"heaptrace-stat", size)?;
    let started = counters(surroundings, file, slots).and_then(|counters| {
        // SAFETY: this is the constructor.
        unsafe { state::start(counters, children) }
    });
    started.map(|()| file).inspect_err(|_| file.close())
}

fn counters(surroundings: Surroundings, file: sys::Fd, slots: u32) -> Result<Counters<'static>, Refusal> {
    let base = map_shared(file, Counters::size(slots)).ok_or(Refusal::NoMemory)?;
    // SAFETY: the mapping has that size and is never given back.
    let counters = unsafe { Counters::create(base.as_ptr(), slots) };
    surroundings.tell(None, |who| counters.publish(who));
    counters.header().shadowed.store(shadow::is_likely().into(), core::sync::atomic::Ordering::Relaxed);
    Ok(counters)
}
