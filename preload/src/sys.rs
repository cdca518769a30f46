//! The few system calls that are made inside the program, with safe faces.

use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use heaptrace_channel::config::{NO_TOKEN, SOCKET_FOLDER, Session};
use heaptrace_channel::handshake::same_user;
pub use heaptrace_channel::sys::{PAGE, Patience, futex_wait, futex_wake, syscall};

use crate::text::Text;

/// The kernel's error number of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

fn check(result: isize) -> Result<usize, Errno> {
    if (-4095..0).contains(&result) { Err(Errno(-result as i32)) } else { Ok(result as usize) }
}

/// Calls the kernel with up to six arguments.
macro_rules! call {
    ($number:expr $(, $argument:expr)*) => {{
        let mut arguments = [0usize; 6];
        let given = [$($argument as usize),*];
        arguments[..given.len()].copy_from_slice(&given);
        let result: Result<usize, Errno> = check(syscall($number, arguments));
        result
    }};
}

/// Fresh zeroed memory of `size` bytes, which only costs what is touched. It is left out of core
/// dumps and has no huge pages, whose first touch would clear 2 MiB at once.
pub fn map_private(size: usize) -> Option<NonNull<u8>> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let at = unsafe { call!(libc::SYS_mmap, null_mut::<u8>(), size, protection, flags, -1isize, 0) }.ok()?;
    advise(at, size, libc::MADV_NOHUGEPAGE);
    advise(at, size, libc::MADV_DONTDUMP);
    NonNull::new(at as *mut u8)
}

/// Zeros that can only be read, and take no memory.
pub fn map_zeros(size: usize) -> Option<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: as in `map_private`.
    let at =
        unsafe { call!(libc::SYS_mmap, null_mut::<u8>(), size, libc::PROT_READ, flags, -1isize, 0) }.ok()?;
    NonNull::new(at as *mut u8)
}

/// Maps `size` bytes of a file, shared with other processes.
pub fn map_shared(fd: Fd, size: usize) -> Option<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: as in `map_private`.
    let at = unsafe {
        call!(
            libc::SYS_mmap,
            null_mut::<u8>(),
            size,
            protection,
            libc::MAP_SHARED | libc::MAP_NORESERVE,
            fd.0,
            0
        )
    }
    .ok()?;
    advise(at, size, libc::MADV_DONTDUMP);
    NonNull::new(at as *mut u8)
}

/// One more than the highest number of a processor that this process may run on; 0 if the kernel does
/// not tell.
pub fn processors() -> u32 {
    let mut mask = [0u64; 128];
    // SAFETY: the kernel writes to the mask, of which it knows the size.
    let bytes = unsafe { call!(libc::SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr()) };
    let mut words = mask[..bytes.unwrap_or(0).min(size_of_val(&mask)) / 8].iter().enumerate();
    words
        .rfind(|(_, word)| **word != 0)
        .map_or(0, |(index, word)| index as u32 * 64 + 64 - word.leading_zeros())
}

/// Gives back what `map_private` or `map_shared` made.
///
/// # Safety
/// Nobody uses the memory any more.
pub unsafe fn unmap(at: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_munmap, at.as_ptr(), size) };
}

/// Makes a page inaccessible.
///
/// # Safety
/// The page belongs to the caller and nobody will touch it.
pub unsafe fn guard_page(at: *mut u8) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_mprotect, at, PAGE, libc::PROT_NONE) };
}

/// Runs `write` while the memory there, which can only be read, can be written to. Does not run it if
/// the kernel does not allow that.
///
/// # Safety
/// The memory belongs to the caller, and nobody else reads it meanwhile.
pub unsafe fn make_writable(memory: core::ops::Range<usize>, write: impl FnOnce()) {
    let start = memory.start & !(PAGE - 1);
    let length = memory.end.next_multiple_of(PAGE) - start;
    let protect = |protection| {
        // SAFETY: pages that could be read can be after both calls.
        unsafe { call!(libc::SYS_mprotect, start, length, protection) }.is_ok()
    };
    if protect(libc::PROT_READ | libc::PROT_WRITE) {
        write();
        protect(libc::PROT_READ);
    }
}

/// Advises on memory of our own. True if the kernel took the advice.
pub fn advise(at: usize, size: usize, advice: i32) -> bool {
    // SAFETY: the advices used here (NOHUGEPAGE, DONTDUMP, WIPEONFORK) change no contents now.
    unsafe { call!(libc::SYS_madvise, at, size, advice) }.is_ok()
}

/// Can the word at `address`, a multiple of 4, be read?
///
/// Asks the kernel to wait for it to change, for no time: it reads the word first (EFAULT if it
/// cannot), and finds another value than the one given (EAGAIN) or no time left (ETIMEDOUT).
pub fn is_readable(address: usize) -> bool {
    const UNLIKELY: u32 = 0x9E37_79B9;
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let wait = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the kernel only reads, and minds what it reads.
    let result = unsafe { call!(libc::SYS_futex, address, wait, UNLIKELY, &raw const no_time) };
    matches!(result, Err(Errno(libc::EAGAIN | libc::ETIMEDOUT)))
}

/// Blocks all signals of this thread until dropped.
pub struct SignalsBlocked(u64);

impl SignalsBlocked {
    /// Blocks them.
    pub fn new() -> SignalsBlocked {
        let (all, mut before) = (!0u64, 0u64);
        // SAFETY: both sets are 8 bytes, the size that is passed.
        let _ =
            unsafe { call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, 8) };
        SignalsBlocked(before)
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        let _ = unsafe {
            call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const self.0, null_mut::<u8>(), 8)
        };
    }
}

/// This process's id, in its own namespace.
pub fn pid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { syscall(libc::SYS_getpid, [0; 6]) as u32 }
}

/// The calling thread's id, in its own namespace; `None` if the kernel has no such futexes.
///
/// The kernel writes it into a futex that it takes for us. Where nobody else waits for that, it keeps
/// nothing of it. Of all ways to an id this one works in a sandbox that allows what `malloc` needs.
pub fn thread_id() -> Option<u32> {
    let (word, lock) = (AtomicU32::new(0), libc::FUTEX_LOCK_PI | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: the kernel changes the word, which outlives the call, and waits for nobody.
    unsafe { call!(libc::SYS_futex, word.as_ptr(), lock, 0, null_mut::<u8>()) }.ok()?;
    Some(word.load(Relaxed) & libc::FUTEX_TID_MASK)
}

/// Has the thread of that id ended? The kernel looks for it when we ask for a futex that it would own.
pub fn has_ended(thread: u32) -> bool {
    let (word, try_lock) = (AtomicU32::new(thread), libc::FUTEX_TRYLOCK_PI | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: the kernel changes the word, which outlives the call, and waits for nobody.
    let result = unsafe { call!(libc::SYS_futex, word.as_ptr(), try_lock, 0, null_mut::<u8>()) };
    result == Err(Errno(libc::ESRCH))
}

/// What a clock shows, in nanoseconds.
pub fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    let _ = unsafe { call!(libc::SYS_clock_gettime, clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A limit of this process; `None` if there is none.
pub fn limit(resource: libc::__rlimit_resource_t) -> Option<usize> {
    let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: 0 };
    // SAFETY: the kernel writes one rlimit.
    let _ = unsafe { call!(libc::SYS_prlimit64, 0, resource, null_mut::<u8>(), &raw mut limit) };
    (limit.rlim_cur != libc::RLIM64_INFINITY).then_some(limit.rlim_cur as usize)
}

/// Fills `bytes` with random bits, or leaves them if the kernel has none yet.
pub fn random(bytes: &mut [u8]) {
    // SAFETY: the kernel writes at most that many bytes.
    let _ = unsafe { call!(libc::SYS_getrandom, bytes.as_mut_ptr(), bytes.len(), libc::GRND_NONBLOCK) };
}

/// Ends the process at once, as a processor does that meets no instruction.
pub fn abort() -> ! {
    // SAFETY: it raises SIGILL, which nothing goes on after.
    unsafe { core::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}

/// A file descriptor. It is only ever open inside the constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fd(pub i32);

impl Fd {
    fn of(result: Result<usize, Errno>) -> Result<Fd, Errno> {
        result.map(|fd| Fd(fd as i32))
    }

    /// Closes it.
    pub fn close(self) {
        // SAFETY: the callers close what they opened, once.
        let _ = unsafe { call!(libc::SYS_close, self.0) };
    }

    /// Which file it leads to: device and inode.
    pub fn file(self) -> Option<(u64, u64)> {
        // SAFETY: an all-zero stat is valid, and the kernel fills it.
        unsafe {
            let mut stat: libc::stat = core::mem::zeroed();
            call!(libc::SYS_fstat, self.0, &raw mut stat).ok()?;
            Some((stat.st_dev, stat.st_ino))
        }
    }

    /// Writes as much as the kernel takes at once.
    pub fn write(self, bytes: &[u8]) {
        // SAFETY: the kernel only reads the bytes.
        let _ = unsafe { call!(libc::SYS_write, self.0, bytes.as_ptr(), bytes.len()) };
    }
}

/// A memory file of `size` bytes that can be neither shrunk nor grown any more.
pub fn sealed_memfd(name: &CStr, size: usize) -> Result<Fd, Errno> {
    if limit(libc::RLIMIT_FSIZE).is_some_and(|limit| limit < size) {
        return Err(Errno(libc::EFBIG)); // ftruncate would send SIGXFSZ
    }
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a NUL.
    let fd = Fd::of(unsafe { call!(libc::SYS_memfd_create, name.as_ptr(), flags) })?;
    // SAFETY: both act on the file just made.
    let sealed = unsafe {
        call!(libc::SYS_ftruncate, fd.0, size).and_then(|_| {
            let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
            call!(libc::SYS_fcntl, fd.0, libc::F_ADD_SEALS, seals)
        })
    };
    sealed.map(|_| fd).inspect_err(|_| fd.close())
}

/// Copies the target of a symbolic link into `buffer`.
pub fn read_link<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    // SAFETY: the path ends with a NUL; the kernel writes at most the buffer's length.
    let read = unsafe { call!(libc::SYS_readlink, path.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
    &buffer[..read.unwrap_or(0).min(buffer.len())]
}

/// The start of a file, as much as one read gives; nothing if it cannot be read.
pub fn read<'b>(path: &CStr, buffer: &'b mut [u8]) -> &'b [u8] {
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL; the kernel writes at most the buffer's length.
    let read = unsafe {
        Fd::of(call!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags)).and_then(|file| {
            let read = call!(libc::SYS_read, file.0, buffer.as_mut_ptr(), buffer.len());
            file.close();
            read
        })
    };
    &buffer[..read.unwrap_or(0).min(buffer.len())]
}

/// May the file be executed by this process?
pub fn is_executable(path: &CStr) -> bool {
    // SAFETY: the path ends with a NUL.
    unsafe { call!(libc::SYS_access, path.as_ptr(), libc::X_OK) }.is_ok()
}

/// A unix socket's address: an abstract name after a NUL, or a path.
struct Address(libc::sockaddr_un, usize);

impl Address {
    fn of_abstract(name: &[u8]) -> Address {
        let mut address = libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
        for (to, &from) in address.sun_path[1..].iter_mut().zip(name) {
            *to = from as libc::c_char;
        }
        Address(address, size_of::<libc::sa_family_t>() + 1 + name.len().min(107))
    }

    /// `None` if the path is too long.
    fn of_file(folder: &[u8], name: &[u8]) -> Option<Address> {
        let path = Text::<108>::of(&[folder, b"/", name, b"\0"]);
        let length = path.c_str()?.to_bytes_with_nul().len();
        let mut address = libc::sockaddr_un { sun_family: libc::AF_UNIX as u16, sun_path: [0; 108] };
        for (to, &from) in address.sun_path.iter_mut().zip(path.bytes()) {
            *to = from as libc::c_char;
        }
        Some(Address(address, size_of::<libc::sa_family_t>() + length))
    }

    fn connect(&self, socket: Fd) -> Result<(), Errno> {
        // SAFETY: the kernel reads that many bytes, which the address has.
        unsafe { call!(libc::SYS_connect, socket.0, &raw const self.0, self.1) }.map(|_| ())
    }
}

/// A socket that waits for a second at most to send.
pub fn socket() -> Result<Fd, Errno> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: makes a descriptor.
    let socket = Fd::of(unsafe { call!(libc::SYS_socket, libc::AF_UNIX, kind, 0) })?;
    set_patience(socket, libc::SO_SNDTIMEO).map(|()| socket).inspect_err(|_| socket.close())
}

/// Has a socket wait for a second at most when it sends, or receives.
fn set_patience(socket: Fd, direction: i32) -> Result<(), Errno> {
    let patience = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let (level, size) = (libc::SOL_SOCKET, size_of::<libc::timeval>());
    // SAFETY: the kernel reads one timeval.
    unsafe { call!(libc::SYS_setsockopt, socket.0, level, direction, &raw const patience, size) }.map(|_| ())
}

/// The first byte of the next message, for which it waits a second at most; `None` if none comes.
pub fn receive_byte(socket: Fd) -> Option<u8> {
    set_patience(socket, libc::SO_RCVTIMEO).ok()?;
    let mut byte = 0u8;
    // SAFETY: the kernel writes at most one byte.
    let received = unsafe { call!(libc::SYS_read, socket.0, &raw mut byte, 1) };
    (received == Ok(1)).then_some(byte)
}

/// A socket that listens under an abstract name.
pub fn listen(name: &[u8]) -> Result<Fd, Errno> {
    let (socket, Address(address, length)) = (socket()?, Address::of_abstract(name));
    // SAFETY: the kernel reads `length` bytes, which the address has.
    let listening = unsafe {
        call!(libc::SYS_bind, socket.0, &raw const address, length)
            .and_then(|_| call!(libc::SYS_listen, socket.0, 4096))
    };
    listening.map(|_| socket).inspect_err(|_| socket.close())
}

/// A socket that is connected to a session's collector. `library` is the path of this library.
pub fn connect(session: &Session, library: &CStr) -> Result<Fd, Errno> {
    let socket = socket()?;
    connect_socket(socket, session, library).map(|()| socket).inspect_err(|_| socket.close())
}

/// Connects a socket, which can be tried with another session if nobody listens for this one. Waits
/// for a collector that is stopped, but not long.
pub fn connect_socket(socket: Fd, session: &Session, library: &CStr) -> Result<(), Errno> {
    let library = library.to_bytes();
    let folder = &library[..library.iter().rposition(|&c| c == b'/').unwrap_or(0)];
    let in_folder = |folder| Address::of_file(folder, session.name);
    let files = || [in_folder(folder), in_folder(SOCKET_FOLDER.as_bytes())].into_iter().flatten();
    let connected = Address::of_abstract(session.name).connect(socket);
    connected.or_else(|why| files().find_map(|file| file.connect(socket).ok()).ok_or(why))?;
    check_peer(socket, session)
}

/// Refuses a listener that belongs to another user, who could have taken the name. With a token it
/// may be root's: this process may have been root's.
fn check_peer(socket: Fd, session: &Session) -> Result<(), Errno> {
    let mut peer = libc::ucred { pid: 0, uid: !0, gid: !0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of `peer`.
    let own = unsafe {
        call!(
            libc::SYS_getsockopt,
            socket.0,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            &raw mut peer,
            &raw mut length
        )?;
        call!(libc::SYS_geteuid)? as u32
    };
    let trusted = match session.token == NO_TOKEN {
        true => same_user(peer.uid, own),
        false => peer.uid == own || peer.uid == 0,
    };
    if trusted { Ok(()) } else { Err(Errno(libc::EACCES)) }
}

/// Sends one message, with a file descriptor if there is one. Never raises SIGPIPE.
pub fn send(socket: Fd, message: &[u8], attached: Option<Fd>) -> Result<(), Errno> {
    #[repr(C, align(8))]
    struct Control {
        header: libc::cmsghdr,
        fd: i32,
    }
    let mut part = libc::iovec { iov_base: message.as_ptr() as *mut _, iov_len: message.len() };
    let mut control = Control {
        header: libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<i32>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        fd: attached.map_or(-1, |fd| fd.0),
    };
    // SAFETY: a msghdr of zeros is an empty message.
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    if attached.is_some() {
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = size_of::<Control>();
    }
    // SAFETY: everything that the header points to outlives the call.
    unsafe { call!(libc::SYS_sendmsg, socket.0, &raw const header, libc::MSG_NOSIGNAL) }.map(|_| ())
}

/// Makes a child that shares nothing and whose end sends no signal. 0 in the child.
///
/// # Safety
/// The child may only make system calls, and must not return from the caller.
pub unsafe fn fork_silently() -> Result<u32, Errno> {
    // SAFETY: clone with no flags is fork; the caller keeps the child to system calls.
    unsafe { call!(libc::SYS_clone, 0) }.map(|pid| pid as u32)
}

/// Waits for a child made by [`fork_silently`].
pub fn wait(child: u32) {
    // SAFETY: the kernel writes nothing through null pointers.
    let _ = unsafe { call!(libc::SYS_wait4, child, null_mut::<u8>(), libc::__WALL, null_mut::<u8>()) };
}

/// Ends the process without running anything of it.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: does not return.
        let _ = unsafe { call!(libc::SYS_exit_group, status) };
    }
}

/// Leaves the session, the process group and the terminal.
pub fn new_session() {
    // SAFETY: takes nothing.
    let _ = unsafe { call!(libc::SYS_setsid) };
}

/// Makes `to` the only file descriptor but for the standard three, which become /dev/null.
pub fn keep_only(keep: Fd, to: Fd) {
    // SAFETY: only called in a child that owns none of the program's descriptors any more.
    unsafe {
        let _ = match keep == to {
            true => call!(libc::SYS_fcntl, to.0, libc::F_SETFD, 0), // or it would be closed by exec
            false => call!(libc::SYS_dup2, keep.0, to.0),
        };
        let null = call!(libc::SYS_open, c"/dev/null".as_ptr(), libc::O_RDWR, 0).unwrap_or(0);
        for standard in 0..3 {
            let _ = call!(libc::SYS_dup2, null, standard);
        }
        let first = to.0 + 1;
        if call!(libc::SYS_close_range, first, u32::MAX, 0).is_err() {
            (first..65_536).for_each(|fd| Fd(fd).close()); // before Linux 5.9
        }
    }
}

/// Replaces the process by a program. Returns only on failure.
///
/// # Safety
/// Both lists are of C strings and end with a null pointer.
pub unsafe fn exec(path: &CStr, arguments: *const *const u8, environment: *const *const u8) {
    // SAFETY: the caller's promise.
    let _ = unsafe { call!(libc::SYS_execve, path.as_ptr(), arguments, environment) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_is_what_can_be_read() {
        let word = 1u64;
        assert!(is_readable(&raw const word as usize));
        assert!(!is_readable(8));
        let at = map_private(2 * PAGE).unwrap();
        assert!(is_readable(at.as_ptr() as usize));
        // SAFETY: the second page is this test's own and not used.
        unsafe { guard_page(at.as_ptr().add(PAGE)) };
        assert!(!is_readable(at.as_ptr() as usize + PAGE));
    }

    #[test]
    fn a_thread_has_the_id_that_the_kernel_says() {
        // SAFETY: takes nothing.
        let own = || unsafe { syscall(libc::SYS_gettid, [0; 6]) } as u32;
        assert_eq!(thread_id(), Some(own()));
        std::thread::spawn(move || assert_eq!(thread_id(), Some(own()))).join().unwrap();
    }

    #[test]
    fn a_thread_that_has_ended_is_known() {
        let id = std::thread::spawn(|| thread_id().unwrap());
        assert!(!has_ended(std::process::id()));
        let id = id.join().unwrap();
        while !has_ended(id) {
            std::thread::yield_now(); // it is joined a little earlier
        }
    }

    #[test]
    fn a_sealed_memfd_cannot_be_resized() {
        let fd = sealed_memfd(c"test", 8192).unwrap();
        // SAFETY: an ftruncate of the file just made.
        assert_eq!(unsafe { call!(libc::SYS_ftruncate, fd.0, 0) }, Err(Errno(libc::EPERM)));
        fd.close();
    }
}
