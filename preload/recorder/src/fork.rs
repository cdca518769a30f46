//! Whether this process is a forked child that does not know it yet, and whether there is anything else to see to
//! before a call is recorded.
//!
//! It notices by a page that the kernel clears in it (`MADV_WIPEONFORK`; fork and clone do so, vfork
//! does not, and there the child runs as its parent).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*, fence};

use heaptrace_channel::handshake::Refusal;

use crate::memory::{self, Budget};
use crate::sys::PAGE;

/// The page. As zeros, there is none, and nothing is noticed.
#[derive(Debug, Default)]
pub struct ForkMark {
    /// The word that is [`UNNOTICED`] in a process that has not noticed yet that it is a forked child.
    known: AtomicPtr<AtomicU32>,
}

const UNNOTICED: u32 = 0;
const NOTICED: u32 = 1;
/// There is nothing else to see to either.
const CALM: u32 = 2;

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
        // A page cannot be huge, nor much in a core dump: no other advice is needed.
        let page = budget.take(PAGE).then(|| memory::map_at(0, PAGE)).flatten().ok_or(Refusal::NoMemory)?;
        wipe_on_fork(page.as_ptr())?;
        let known: *mut AtomicU32 = page.as_ptr().cast();
        // SAFETY: the page is zeroed, mapped for good, and large enough.
        unsafe { (*known).store(NOTICED, Relaxed) };
        self.known.store(known, Release);
        Ok(())
    }

    #[inline(always)]
    fn known(&self) -> Option<&AtomicU32> {
        // SAFETY: null before the start, else the word in the page, which stays mapped.
        unsafe { self.known.load(Relaxed).as_ref() }
    }

    /// Has this process turned out to be a forked child? True once in each. Cheap: one load.
    #[inline]
    pub fn is_noticed(&self) -> bool {
        // Only the thread that forked is here, until it makes others.
        self.known().is_some_and(|known| {
            known.load(Relaxed) == UNNOTICED && known.swap(NOTICED, Relaxed) == UNNOTICED
        })
    }

    /// Is there nothing to notice, and nothing else to see to?
    #[inline(always)]
    pub fn is_calm(&self) -> bool {
        self.known().is_some_and(|known| known.load(Relaxed) == CALM)
    }

    /// There is nothing else to see to, as long as that is so: it is looked at once more after whoever may change it
    /// can see that this was called.
    pub fn calm_while(&self, is_so: impl Fn() -> bool) {
        let Some(known) = self.known() else { return };
        let was_noticed = known.compare_exchange(NOTICED, CALM, SeqCst, Relaxed).is_ok();
        fence(SeqCst); // as in `disturb`
        if was_noticed && !is_so() {
            self.disturb();
        }
    }

    /// There is something to see to. After it is there.
    pub fn disturb(&self) {
        fence(SeqCst); // either this sees that it is calm, or `calm_while` sees what there is
        let _ = self.known().map(|known| known.compare_exchange(CALM, NOTICED, SeqCst, Relaxed));
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
    use crate::testing::in_child;

    #[test]
    fn it_is_calm_as_long_as_there_is_nothing_to_see_to() {
        let (mark, budget) = (ForkMark::new(), Budget::new());
        mark.calm_while(|| true);
        assert!(!mark.is_calm() && !mark.is_noticed(), "there is no page");
        mark.start(&budget).unwrap();
        mark.calm_while(|| false);
        assert!(!mark.is_calm());
        mark.calm_while(|| true);
        assert!(mark.is_calm() && !mark.is_noticed());
        let status = in_child(|| {
            assert!(!mark.is_calm());
            mark.calm_while(|| true);
            assert!(!mark.is_calm(), "it is to be noticed first");
            assert!(mark.is_noticed() && !mark.is_noticed());
            mark.calm_while(|| true);
            assert!(mark.is_calm());
        });
        assert_eq!((status, mark.is_calm()), (0, true));
        mark.disturb();
        assert!(!mark.is_calm() && !mark.is_noticed());
    }

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
