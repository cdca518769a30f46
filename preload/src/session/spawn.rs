//! Manual mode: starts a collector for this program and all it will start.
//!
//! The collector is no child of the program, has none of its descriptors and none of its terminal:
//! the program can wait for all its children, and a pipe it writes to ends when it ends.

use core::ffi::CStr;
use core::ptr::null;

use heaptrace_channel::config::{self, MAX_NAME, SessionAddress, TOKEN_LENGTH};
use heaptrace_channel::handshake::{Refusal, decode_answer};

use heaptrace_recorder::c_library::Strings;
use heaptrace_recorder::sys;

use super::ancestors::Ancestor;
use super::announce::{Variable, names};
use super::complain::complain;
use super::text::Text;
use super::{child, net};

const MAX_PATH: usize = 4096;
/// Environment variables that the collector gets, at most.
const MAX_VARIABLES: usize = 4096;

/// Starts a collector and connects to it, and makes the session known to the processes that this
/// one will start. `library` is the path of this library, `program` the process that the session is
/// about. Without a collector to start it complains, once, and the program goes on unprofiled.
#[inline(never)] // it takes 40 KiB of stack, which few processes need
pub fn session(
    environment: Strings,
    library: &CStr,
    program: u32,
) -> Option<(SessionAddress<'static>, sys::Fd)> {
    let Some(variable) = start_session(environment, library, program) else {
        Variable::NO_SESSION.announce();
        return None;
    };
    variable.announce();
    let session = variable.session()?;
    let connection = net::connect(&session, library);
    if connection.is_err() {
        give_up(None);
    }
    Some((session, connection.ok()?))
}

/// Does the collector that was just started record this process, which was handed over to it or was
/// not? If it does not, that is said, and its children need not try.
pub fn is_recorded(connection: sys::Fd, handed_over: Result<(), Option<Refusal>>) -> bool {
    let answer = || net::receive_byte(connection).and_then(decode_answer).ok_or(None)?.map_err(Some);
    handed_over.and_then(|()| answer()).map_err(give_up).is_ok()
}

/// Says why nothing is recorded: what was started is no collector, or it cannot be that of this process.
fn give_up(refusal: Option<Refusal>) {
    Variable::NO_SESSION.announce();
    match refusal {
        Some(why) => not_profiled(Some(why)),
        None => complain(&[
            b"what was started as the collector does not answer; look at ",
            config::COLLECTOR.as_bytes(),
            b" and ulimit -n -v. The program runs unprofiled.",
        ]),
    }
}

/// Says why this program is not recorded, though its session is. Without a reason it did not reach the collector.
pub fn not_profiled(why: Option<Refusal>) {
    let why = why.map_or("the collector cannot be reached; a sandbox may forbid it", Refusal::reason);
    complain(&[b"this program could not be profiled: ", why.as_bytes()]);
}

fn start_session(environment: Strings, library: &CStr, program: u32) -> Option<Variable> {
    let collector = find_collector(environment, library);
    let Some(path) = collector.as_ref().and_then(Text::c_str) else {
        complain(&[
            b"no heaptrace binary beside the library, in ../bin or on PATH; set ",
            config::COLLECTOR.as_bytes(),
            b" to its path. The program runs unprofiled.",
        ]);
        return None;
    };
    let Some((name, listener)) = listen() else {
        complain(&[b"cannot listen on a unix socket. The program runs unprofiled."]);
        return None;
    };
    let token = random();
    let session = SessionAddress { name: name.bytes(), token: token.bytes(), program, waits: true };
    let variable = Variable::of(&session);
    if let Some(variable) = variable {
        start(path, listener, variable, environment);
    }
    listener.close();
    variable
}

/// Listens where [`super::ancestors`] looks, or elsewhere if there is no /proc or the name is taken.
fn listen() -> Option<(Text<MAX_NAME>, sys::Fd)> {
    let own = Ancestor::own().map(|own| own.socket());
    let elsewhere = Text::of(&[config::SOCKET, random().bytes()]);
    let mut names = own.into_iter().chain([elsewhere]);
    names.find_map(|name| net::listen(name.bytes()).ok().map(|socket| (name, socket)))
}

/// What nobody can guess: as many hexadecimal digits as a token has.
fn random() -> Text<TOKEN_LENGTH> {
    let mut bytes = [0; TOKEN_LENGTH / 2];
    sys::random(&mut bytes);
    let mut text = Text::of(&[]);
    text.push_hexadecimal(&bytes);
    text
}

/// The path that `HEAPTRACE_COLLECTOR` names, or else what the library was unpacked by, for which there is
/// a link beside it, or a `heaptrace` beside it, in `../bin` from there, or on PATH.
fn find_collector(environment: Strings, library: &CStr) -> Option<Text<MAX_PATH>> {
    if let Some(path) = environment.value(config::COLLECTOR).filter(|path| !path.is_empty()) {
        return executable(&[path.to_bytes()]);
    }
    let library = library.to_bytes();
    let folder = library.iter().rposition(|&c| c == b'/').map_or(&b"."[..], |slash| &library[..slash]);
    let path = environment.value("PATH").unwrap_or(c"/usr/local/bin:/usr/bin").to_bytes();
    let name = library.get(folder.len()..).unwrap_or_default();
    let link = name.strip_prefix(b"/lib").and_then(|name| name.strip_suffix(b".so")).unwrap_or_default();
    if let Some(path) = executable(&[folder, &b"/"[..], link]).filter(|_| link.starts_with(b"heaptrace-")) {
        return Some(path);
    }
    let candidates = [[folder, b"/heaptrace"], [folder, b"/../bin/heaptrace"]];
    let on_path =
        path.split(|&c| c == b':').filter(|folder| !folder.is_empty()).map(|folder| [folder, b"/heaptrace"]);
    candidates.into_iter().chain(on_path).find_map(|parts| executable(&parts))
}

/// The joined path with its NUL, if it is that of a file that can be executed.
fn executable(parts: &[&[u8]]) -> Option<Text<MAX_PATH>> {
    let mut path = Text::of(parts);
    path.push(b"\0"); // finds no room in a path that is too long, which then is none
    path.c_str().is_some_and(sys::is_executable).then_some(path)
}

/// Runs `heaptrace collect` with the listening socket as descriptor 3.
fn start(path: &CStr, listener: sys::Fd, variable: Variable, environment: Strings) {
    const LISTENER: sys::Fd = sys::Fd(3);
    // SAFETY: both children below make nothing but system calls, and end in this function.
    let Ok(first) = (unsafe { child::fork_silently() }) else { return };
    if first != 0 {
        return child::wait(first);
    }
    child::new_session();
    // SAFETY: as above. The second child outlives the first and so is nobody's to wait for.
    if !matches!(unsafe { child::fork_silently() }, Ok(0)) {
        child::exit(0);
    }
    child::keep_only(listener, LISTENER);
    let mut variables = [null::<u8>(); MAX_VARIABLES];
    let is_kept = |entry: &&CStr| !names(entry, "LD_PRELOAD") && !names(entry, config::SESSION);
    // What is cut off from a large environment is none of ours.
    let is_ours = |entry: &&CStr| entry.to_bytes().starts_with(b"HEAPTRACE_");
    let kept = || environment.iter().filter(is_kept);
    let all = [variable.0].into_iter().chain(kept().filter(is_ours)).chain(kept().filter(|e| !is_ours(e)));
    let all = all.map(|entry| entry.as_ptr().cast());
    variables[..MAX_VARIABLES - 1].iter_mut().zip(all).for_each(|(place, entry)| *place = entry);
    let arguments = [c"heaptrace".as_ptr().cast(), c"collect".as_ptr().cast(), null()];
    // SAFETY: C strings, and null at the end of both lists.
    unsafe { child::exec(path, arguments.as_ptr(), variables.as_ptr()) };
    child::exit(127);
}
