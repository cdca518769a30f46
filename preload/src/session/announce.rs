//! Makes a session known to the processes that this one will start: a variable in their environment.

use core::ffi::{CStr, c_char};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use heaptrace_channel::config::{self, SessionAddress};

use heaptrace_recorder::c_library::{Auxiliary, AuxiliaryEntry, Name, Objects, Strings};
use heaptrace_recorder::memory::map_private;

use super::text::Text;

/// [`config::SESSION`] with its value, in memory that stays.
#[derive(Debug, Clone, Copy)]
pub struct Variable(pub &'static CStr);

impl Variable {
    /// What is exported when there is no collector; see [`config::NO_SESSION`].
    pub const NO_SESSION: Variable = Variable(c"HEAPTRACE_SESSION=none");

    /// The variable for a session of manual mode.
    pub fn of(session: &SessionAddress) -> Option<Variable> {
        const SIZE: usize = 256;
        let mut text =
            Text::<SIZE>::of(&[config::SESSION.as_bytes(), b"=", session.name, b":", session.token, b":"]);
        text.push_decimal(session.program.into());
        text.push(b":wait\0");
        let memory = map_private(SIZE)?;
        // SAFETY: fresh memory of that size, which is written once and stays.
        let bytes = unsafe {
            let bytes = core::slice::from_raw_parts_mut(memory.as_ptr(), SIZE);
            bytes.iter_mut().zip(text.bytes()).for_each(|(to, &from)| *to = from);
            bytes
        };
        CStr::from_bytes_until_nul(bytes).ok().map(Variable)
    }

    /// The session that it tells.
    pub fn session(self) -> Option<SessionAddress<'static>> {
        SessionAddress::parse(self.0.to_bytes().split_at_checked(config::SESSION.len() + 1)?.1)
    }

    /// Has it added to the environment, by [`export`].
    pub fn announce(self) {
        PENDING.store(self.0.as_ptr().cast_mut(), Relaxed);
    }
}

/// Where the C library's `environ` is; null if it has none.
static ENVIRON: AtomicPtr<*const *const c_char> = AtomicPtr::new(null_mut());

/// Finds where the C library keeps the environment. Called by the constructor.
pub fn start(objects: Objects) {
    let environ = objects.find(&Name::new("environ"));
    ENVIRON.store(environ.map_or(null_mut(), |found| found.address.cast_mut().cast()), Relaxed);
}

/// The variable that waits for [`export`].
static PENDING: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Adds the session to the environment that this program's children will get.
///
/// The constructor is too early for that: the C library sets `environ` after it. So this is called
/// on every slow path until it has been done, which is at the program's first allocation: true then.
#[inline]
pub fn export() -> bool {
    let is_pending = || !PENDING.load(Relaxed).is_null();
    if is_pending() {
        export_pending();
    }
    !is_pending()
}

#[cold]
fn export_pending() {
    let environ = ENVIRON.load(Relaxed);
    // SAFETY: the C library's variable, null before it is set; a list that ends with null after.
    if environ.is_null() || unsafe { (*environ).is_null() } {
        return;
    }
    let variable = PENDING.swap(null_mut(), Relaxed);
    if !variable.is_null() {
        // SAFETY: as above.
        unsafe { extend_environment(environ, variable) };
    }
}

/// Replaces the environment by one with the variable, and without that of a session that is over.
/// As the kernel's, it is followed by the auxiliary vector, which some look for there.
///
/// # Safety
/// `environ` is the C library's variable, and set.
unsafe fn extend_environment(environ: *mut *const *const c_char, variable: *const c_char) -> Option<()> {
    // SAFETY: the caller's promise.
    let old = Strings(unsafe { *environ });
    let vector = Auxiliary::find()?.entries().chain([[libc::AT_NULL, 0]]);
    let strings = old.iter().count() + 2; // with the variable and the null pointer
    let size = strings * size_of::<*const c_char>() + vector.clone().count() * size_of::<AuxiliaryEntry>();
    let new: *mut *const c_char = map_private(size)?.as_ptr().cast();
    let others = old.iter().filter(|entry| !names(entry, config::SESSION)).map(CStr::as_ptr);
    let list = others.chain([variable, null()]);
    // SAFETY: there is room for all, which stays. At its first allocation a program has one thread.
    unsafe {
        let mut end = new;
        list.for_each(|entry| {
            *end = entry;
            end = end.add(1);
        });
        let end: *mut AuxiliaryEntry = end.cast();
        vector.enumerate().for_each(|(i, entry)| *end.add(i) = entry);
        *environ = new;
    }
    Some(())
}

/// Is the entry of an environment that of the variable `name`?
pub fn names(entry: &CStr, name: &str) -> bool {
    entry.to_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'='))
}
