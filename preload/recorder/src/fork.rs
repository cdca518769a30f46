//! Whether this process is a forked child that does not know it yet.
//!
//! It notices by a page that the kernel clears in it (`MADV_WIPEONFORK`; fork and clone do so, vfork
//! does not, and there the child runs as its parent).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*};

use heaptrace_channel::handshake::Refusal;

use crate::memory::{self, Budget};
use crate::sys::PAGE;

/// The page. As zeros, there is none, and nothing is noticed.
#[derive(Debug, Default)]
pub struct ForkMark {
    /// The word that is 0 in a process that has not noticed yet that it is a forked child.
    known: AtomicPtr<AtomicU32>,
}

impl ForkMark {
    /// Without a page.
    pub const fn new() -> ForkMark {
        ForkMark { known: AtomicPtr::new(null_mut()) }
    }

    /// Maps the page. Called by the constructor.
    ///
    /// # Errors
    /// If there is no memory, or the kernel does not mark forked children.
    pub fn start(&self, budget: &Budget) -> Result<(), Refusal> {
        let page = budget.map(PAGE).ok_or(Refusal::NoMemory)?;
        wipe_on_fork(page.as_ptr())?;
        let known: *mut AtomicU32 = page.as_ptr().cast();
        // SAFETY: the page is zeroed, mapped for good, and large enough.
        unsafe { (*known).store(1, Relaxed) };
        self.known.store(known, Release);
        Ok(())
    }

    /// Has this process turned out to be a forked child? True once in each. Cheap: one load.
    #[inline]
    pub fn is_noticed(&self) -> bool {
        // SAFETY: null before the start, else the word in the page, which stays mapped.
        let known = unsafe { self.known.load(Relaxed).as_ref() };
        // Only the thread that forked is here, until it makes others.
        known.is_some_and(|known| known.load(Relaxed) == 0 && known.swap(1, Relaxed) == 0)
    }
}

/// Has the kernel clear a page of ours in forked children.
///
/// # Errors
/// If it does not do that.
pub fn wipe_on_fork(page: *mut u8) -> Result<(), Refusal> {
    /// No advice that there is. An emulator takes this one too, and does nothing on any.
    const NO_ADVICE: i32 = 0x5EED;
    let advise = |advice| memory::advise(page as usize, PAGE, advice);
    match advise(libc::MADV_WIPEONFORK) && !advise(NO_ADVICE) {
        true => Ok(()),
        false => Err(Refusal::ForksUnseen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{map_private, map_shared};
    use crate::sys::sealed_memfd;

    /// The kernel clears private memory only, as an old one clears none.
    #[test]
    fn where_a_page_is_not_cleared_in_children_that_is_known() {
        let file = sealed_memfd(c"test", PAGE).unwrap();
        let shared = map_shared(file, PAGE).unwrap();
        file.close();
        assert_eq!(wipe_on_fork(shared.as_ptr()), Err(Refusal::ForksUnseen));
        assert_eq!(wipe_on_fork(map_private(PAGE).unwrap().as_ptr()), Ok(()));
    }
}
