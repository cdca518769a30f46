//! Manual mode: starts a collector for this program and all it will start.
//!
//! The collector is no child of the program, has none of its descriptors and none of its terminal:
//! the program can wait for all its children, and a pipe it writes to ends when it ends.

use core::ffi::{CStr, c_char};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use heaptrace_channel::config::{self, MAX_NAME, Session, TOKEN_LENGTH};

use crate::start::{Strings, complain};
use crate::{sys, unwind};

const MAX_PATH: usize = 4096;
/// Environment variables that the collector gets, at most.
const MAX_VARIABLES: usize = 4096;

/// Starts a collector, and makes the session known to the processes that this one will start.
/// Without a collector to start it complains, once, and the program goes on unprofiled.
pub fn collector(environment: Strings) -> Option<Session<'static>> {
    let session = start_session(environment);
    if session.is_none() {
        PENDING.store(NONE.as_ptr().cast_mut(), Relaxed);
    }
    session
}

/// What is exported when there is no collector; see [`config::NO_SESSION`].
const NONE: &CStr = c"HEAPTRACE_SESSION=none";

fn start_session(environment: Strings) -> Option<Session<'static>> {
    let mut buffer = [0; MAX_PATH];
    let Some(path) = find_collector(environment, &mut buffer) else {
        complain(&[
            b"no heaptrace binary beside the library, in ../bin or on PATH; set ",
            config::COLLECTOR.as_bytes(),
            b" to its path. The program runs unprofiled.",
        ]);
        return None;
    };
    let variable = session_variable()?;
    let session = Session::parse(variable.to_bytes().split_at_checked(config::SESSION.len() + 1)?.1)?;
    let Ok(listener) = sys::listen(session.name) else {
        complain(&[b"cannot listen on a unix socket. The program runs unprofiled."]);
        return None;
    };
    start(path, listener, variable, environment);
    listener.close();
    PENDING.store(variable.as_ptr().cast_mut(), Relaxed);
    Some(session)
}

/// The path that `HEAPTRACE_COLLECTOR` names, or else a `heaptrace` beside the library, in `../bin`
/// from there, or on PATH.
fn find_collector(environment: Strings, buffer: &mut [u8; MAX_PATH]) -> Option<&CStr> {
    if let Some(path) = environment.value(config::COLLECTOR).filter(|path| !path.is_empty()) {
        return executable(&[path.to_bytes()], buffer);
    }
    let library = unwind::path_of(collector as *const () as usize).unwrap_or(c"").to_bytes();
    let folder = library.iter().rposition(|&c| c == b'/').map_or(&b"."[..], |slash| &library[..slash]);
    let path = environment.value("PATH").unwrap_or(c"/usr/local/bin:/usr/bin").to_bytes();
    let candidates = [[folder, b"/heaptrace"], [folder, b"/../bin/heaptrace"]];
    let on_path =
        path.split(|&c| c == b':').filter(|folder| !folder.is_empty()).map(|folder| [folder, b"/heaptrace"]);
    let found = candidates.into_iter().chain(on_path).find(|parts| executable(parts, buffer).is_some())?;
    executable(&found, buffer)
}

/// The joined path, if it is that of a file that can be executed.
fn executable<'b>(parts: &[&[u8]], buffer: &'b mut [u8; MAX_PATH]) -> Option<&'b CStr> {
    let mut length = 0;
    for part in parts.iter().chain([&&b"\0"[..]]) {
        buffer.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    let path = CStr::from_bytes_with_nul(&buffer[..length]).ok()?;
    sys::is_executable(path).then_some(path)
}

/// `HEAPTRACE_SESSION=…` for a new session, in memory that stays.
fn session_variable() -> Option<&'static CStr> {
    const SIZE: usize = config::SESSION.len() + MAX_NAME + TOKEN_LENGTH + 32;
    let mut random = [0u8; TOKEN_LENGTH];
    sys::random(&mut random);
    let memory = sys::map_private(SIZE)?;
    // SAFETY: fresh zeroed memory of that size, this function's own.
    let text = unsafe { core::slice::from_raw_parts_mut(memory.as_ptr(), SIZE) };
    let mut length = 0;
    let mut push = |part: &[u8]| {
        text[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    };
    push(config::SESSION.as_bytes());
    push(b"=heaptrace-");
    let (name, token) = random.split_at(TOKEN_LENGTH / 2);
    name.iter().for_each(|&byte| push(&hexadecimal(byte)));
    push(b":");
    token.iter().for_each(|&byte| push(&hexadecimal(byte)));
    push(b":");
    push(decimal(sys::pid(), &mut [0; 10]));
    push(b":wait");
    CStr::from_bytes_until_nul(text).ok()
}

fn hexadecimal(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize])
}

fn decimal(mut number: u32, buffer: &mut [u8; 10]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

/// Runs `heaptrace collect` with the listening socket as descriptor 3.
fn start(path: &CStr, listener: sys::Fd, variable: &'static CStr, environment: Strings) {
    const LISTENER: sys::Fd = sys::Fd(3);
    // SAFETY: both children below make nothing but system calls, and end in this function.
    let Ok(child) = (unsafe { sys::fork_silently() }) else { return };
    if child != 0 {
        return sys::wait(child);
    }
    sys::new_session();
    // SAFETY: as above. The second child outlives the first and so is nobody's to wait for.
    if !matches!(unsafe { sys::fork_silently() }, Ok(0)) {
        sys::exit(0);
    }
    sys::keep_only(listener, LISTENER);
    let mut variables = [null::<u8>(); MAX_VARIABLES];
    let kept = environment.iter().filter(|entry| !entry.to_bytes().starts_with(b"LD_PRELOAD="));
    let all = kept.chain([variable]).map(|entry| entry.as_ptr().cast());
    variables[..MAX_VARIABLES - 1].iter_mut().zip(all).for_each(|(place, entry)| *place = entry);
    let arguments = [c"heaptrace".as_ptr().cast(), c"collect".as_ptr().cast(), null()];
    // SAFETY: C strings, and null at the end of both lists.
    unsafe { sys::exec(path, arguments.as_ptr(), variables.as_ptr()) };
    sys::exit(127);
}

unsafe extern "C" {
    static mut environ: *const *const c_char;
}

/// The variable that waits for [`export`].
static PENDING: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Adds the session to the environment that this program's children will get.
///
/// The constructor is too early for that: the C library sets `environ` after it. So this is called
/// on every slow path until it has been done, which is at the program's first allocation.
#[inline]
pub fn export() {
    if !PENDING.load(Relaxed).is_null() {
        export_pending();
    }
}

#[cold]
fn export_pending() {
    // SAFETY: the C library's variable, null before it is set; a list that ends with null after.
    let environment = unsafe { Strings(environ) };
    if environment.0.is_null() {
        return;
    }
    let variable = PENDING.swap(null_mut(), Relaxed);
    if !variable.is_null() {
        extend_environment(environment, variable);
    }
}

fn extend_environment(environment: Strings, variable: *const c_char) -> Option<()> {
    let count = environment.iter().count();
    let list: *mut *const c_char =
        sys::map_private((count + 2) * size_of::<*const c_char>())?.as_ptr().cast();
    // SAFETY: the list has room for all, is zeroed and so ends with null, and stays. At its first
    // allocation a program has one thread.
    unsafe {
        environment.iter().enumerate().for_each(|(i, entry)| *list.add(i) = entry.as_ptr());
        *list.add(count) = variable;
        environ = list;
    }
    Some(())
}
