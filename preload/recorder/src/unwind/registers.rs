//! The registers that a walk follows.

/// The machine state that unwinding follows, at a call or an interrupted instruction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// Return address, or the interrupted instruction's address if `exact`.
    pub ip: usize,
    /// Stack pointer after the call has returned.
    pub sp: usize,
    /// The frame pointer, or whatever `rbp` is used for.
    pub bp: usize,
    /// `ip` is not a return address: a signal interrupted the frame there.
    pub exact: bool,
}

impl Registers {
    /// The state in which a hook was called, from `sp` and `bp` at its first instruction.
    ///
    /// # Safety
    /// `sp` points at the hook's return address.
    pub unsafe fn at_call(sp: usize, bp: usize) -> Registers {
        // SAFETY: the caller's promise.
        let ip = unsafe { *(sp as *const usize) };
        Registers { ip, sp: sp + 8, bp, exact: false }
    }

    /// An address inside the instruction that the frame is at: for a return address the call's,
    /// which is before it and may be the last of its function.
    pub fn address(&self) -> usize {
        if self.exact { self.ip } else { self.ip.wrapping_sub(1) }
    }
}
