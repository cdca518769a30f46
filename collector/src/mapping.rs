//! The memory of a segment, mapped into the collector.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU32;

use heaptrace_channel::Segment;
use heaptrace_channel::counters::Counters;
use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::header::Header;
use heaptrace_channel::sys::PAGE;
use rustix::fs::{Mode, OFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, open};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A segment of another process, or its counters, with the memory that they are in.
#[derive(Debug)]
pub struct Mapped<T> {
    content: T,
    mapping: SharedMemory,
}

impl Mapped<Segment<'static>> {
    /// Maps the segment in a file.
    ///
    /// # Errors
    /// [`Refusal::NotMapped`] if there is none in it, or it cannot be mapped.
    pub fn segment(file: OwnedFd) -> Result<Mapped<Segment<'static>>, Refusal> {
        Mapped::open(file, Segment::open)
    }

    /// The segment, for as long as it is mapped.
    pub fn get(&self) -> &Segment<'_> {
        &self.content
    }
}

impl Mapped<Counters<'static>> {
    /// Maps the counters in a file.
    ///
    /// # Errors
    /// [`Refusal::NotMapped`] if there are none in it, or they cannot be mapped.
    pub fn counters(file: OwnedFd) -> Result<Mapped<Counters<'static>>, Refusal> {
        Mapped::open(file, Counters::open)
    }

    /// The counters, for as long as they are mapped.
    pub fn get(&self) -> &Counters<'_> {
        &self.content
    }
}

impl<T> Mapped<T> {
    fn open<E>(file: OwnedFd, look: unsafe fn(*mut u8, usize) -> Result<T, E>) -> Result<Mapped<T>, Refusal> {
        let mapping = SharedMemory::new(file).map_err(|_| Refusal::NotMapped)?;
        // SAFETY: mapped with that size, sealed against shrinking; nobody sees what is in it for longer than it is
        // there.
        let content = unsafe { look(mapping.base.as_ptr(), mapping.size) };
        Ok(Mapped { content: content.map_err(|_| Refusal::NotMapped)?, mapping })
    }

    /// What is mapped.
    pub fn mapping(&self) -> &SharedMemory {
        &self.mapping
    }
}

/// Shared memory of another process, mapped.
#[derive(Debug)]
pub struct SharedMemory {
    /// Where it is.
    pub base: NonNull<u8>,
    /// Its bytes.
    pub size: usize,
    file: OwnedFd,
}

// SAFETY: the memory is only reached as atomics.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Maps a segment.
    ///
    /// # Errors
    /// If the file is not sealed against shrinking, or cannot be mapped.
    pub fn new(file: OwnedFd) -> io::Result<SharedMemory> {
        let seals = fcntl_get_seals(&file)?;
        let size = usize::try_from(fstat(&file)?.st_size).unwrap_or(0);
        if !seals.contains(SealFlags::SHRINK | SealFlags::GROW) || size == 0 || size > 1 << 36 {
            return Err(io::Error::other("not a sealed segment"));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, of a file that cannot shrink under it.
        let base =
            unsafe { mmap(null_mut(), size, access, sharing(seals.contains(SealFlags::WRITE)), &file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(SharedMemory { base, size, file })
    }

    /// The file that is mapped.
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Has every other process let go of the segment? If so it is mapped privately from now on.
    ///
    /// The kernel seals a file against writing only when no shared writable mapping of it is left:
    /// that tells about processes that nobody has heard of yet, in any namespace.
    pub fn is_abandoned(&self) -> io::Result<bool> {
        let (at, size, access) = (self.base.as_ptr().cast(), self.size, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: all three replace this mapping in place, at its own address, and the thread that
        // reads the segment is the one that is here.
        unsafe {
            mmap_anonymous(
                at,
                size,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
            )?;
            let abandoned = fcntl_add_seals(&self.file, SealFlags::WRITE).is_ok();
            mmap(at, size, access, sharing(abandoned) | MapFlags::FIXED, &self.file, 0)?;
            Ok(abandoned)
        }
    }
}

/// How a segment is mapped: what is sealed against writing, as everybody has let go of it, cannot be shared any more.
fn sharing(is_sealed: bool) -> MapFlags {
    if is_sealed { MapFlags::PRIVATE | MapFlags::NORESERVE } else { MapFlags::SHARED }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: who sees what is in it borrows it.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
    }
}

/// The first page of a segment, mapped a second time.
///
/// It is mapped from a descriptor that can only be read from: a mapping that could be made
/// writable would keep [`SharedMemory::is_abandoned`] from ever being true.
#[derive(Debug)]
pub struct FirstPage(NonNull<u8>);

// SAFETY: the page is only reached as an atomic.
unsafe impl Send for FirstPage {}
// SAFETY: as above.
unsafe impl Sync for FirstPage {}

impl FirstPage {
    /// Maps the first page of the segment in `file`.
    ///
    /// # Errors
    /// If that cannot be: without /proc, for one.
    pub fn map(file: &OwnedFd) -> io::Result<FirstPage> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let readable = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: a new mapping, of a segment, which is larger than a page and cannot shrink.
        let page = unsafe { mmap(null_mut(), PAGE, ProtFlags::READ, MapFlags::SHARED, readable, 0) }?;
        NonNull::new(page.cast()).map(FirstPage).ok_or_else(|| io::Error::other("mapped at null"))
    }

    /// The word that counts nudges.
    pub fn nudges(&self) -> &AtomicU32 {
        // SAFETY: it is a segment's first page, mapped as long as `self` is.
        unsafe { Header::nudges(self.0) }
    }
}

impl Drop for FirstPage {
    fn drop(&mut self) {
        // SAFETY: nobody has a reference into it any more.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), PAGE) };
    }
}
