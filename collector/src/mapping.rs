//! The memory of a segment, mapped into the collector.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use rustix::fs::{SealFlags, fcntl_add_seals, fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// A segment of another process, mapped.
#[derive(Debug)]
pub struct Mapping {
    /// Where it is.
    pub base: NonNull<u8>,
    /// Its bytes.
    pub size: usize,
    file: OwnedFd,
}

// SAFETY: the pointer is only used through `Segment`, which is `Send`.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps a segment.
    ///
    /// # Errors
    /// If the file is not sealed against shrinking, or cannot be mapped.
    pub fn new(file: OwnedFd) -> io::Result<Mapping> {
        let seals = fcntl_get_seals(&file)?;
        let size = usize::try_from(fstat(&file)?.st_size).unwrap_or(0);
        if !seals.contains(SealFlags::SHRINK | SealFlags::GROW) || size == 0 || size > 1 << 36 {
            return Err(io::Error::other("not a sealed segment"));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, of a file that cannot shrink under it.
        let base = unsafe { mmap(std::ptr::null_mut(), size, access, MapFlags::SHARED, &file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
        Ok(Mapping { base, size, file })
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
            let sharing = if abandoned { MapFlags::PRIVATE | MapFlags::NORESERVE } else { MapFlags::SHARED };
            mmap(at, size, access, sharing | MapFlags::FIXED, &self.file, 0)?;
            Ok(abandoned)
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the segment goes with the image that owns both.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
    }
}
