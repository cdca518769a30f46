//! x86-64.

use core::arch::{asm, global_asm};

use gimli::{Register, X86_64};

/// The registers as unwind tables name them.
pub const RETURN_ADDRESS: Register = X86_64::RA;
/// The stack pointer.
pub const SP: Register = X86_64::RSP;
/// The frame pointer, or whatever the register is used for.
pub const BP: Register = X86_64::RBP;
/// What saves the frame pointer in an expression: `DW_OP_breg6`.
pub const OP_BP: u8 = 0x76;

/// Where in a `ucontext_t` the interrupted instruction's address, the stack pointer and the frame
/// pointer are.
pub const CONTEXT_REGISTERS: [usize; 3] = {
    let all = core::mem::offset_of!(libc::ucontext_t, uc_mcontext.gregs);
    [all + 8 * libc::REG_RIP as usize, all + 8 * libc::REG_RSP as usize, all + 8 * libc::REG_RBP as usize]
};

global_asm!(
    ".section .tbss.heaptrace_thread,\"awT\",@nobits",
    ".globl heaptrace_thread",
    ".hidden heaptrace_thread",
    ".type heaptrace_thread, @object",
    ".size heaptrace_thread, {size}",
    ".p2align 6",
    "heaptrace_thread:",
    ".zero {size}",
    ".previous",
    size = const THREAD_LOCAL,
);

/// Bytes that each thread has, all zero at its start, on a line of the cache of their own.
pub const THREAD_LOCAL: usize = 64;

/// Address of the calling thread's bytes, from [`control_block`] on.
///
/// Rust's own thread-locals in a shared library go through `__tls_get_addr`, which costs as much as
/// all of the fast path and may allocate. The initial-exec model is two instructions; stable Rust
/// has it only in assembly. It takes room in the static TLS block, which a preloaded library has.
#[inline(always)]
pub fn thread_local() -> usize {
    let offset: usize;
    // SAFETY: loads the offset that the dynamic linker stored; no memory of the program.
    unsafe {
        asm!("mov {}, qword ptr [rip + heaptrace_thread@GOTTPOFF]", out(reg) offset,
            options(nostack, pure, readonly, preserves_flags));
    }
    control_block().wrapping_add(offset)
}

/// A word of the control block that is 0 in every C library, from its beginning: glibc and musl have
/// `sysinfo` there, which x86-64 does not use.
pub const ZERO_IN_CONTROL_BLOCK: usize = 0x20;

/// Address of the calling thread's control block, which glibc keeps at the top of its stack.
#[inline(always)]
pub fn control_block() -> usize {
    let at: usize;
    // SAFETY: the x86-64 TLS ABI has the block's own address in its first word.
    unsafe { asm!("mov {}, fs:0", out(reg) at, options(nostack, pure, readonly, preserves_flags)) };
    at
}

/// Has a line of the cache fetched from memory, meanwhile. Nothing else comes of it, wherever that is.
#[inline(always)]
pub fn prefetch<T>(at: &T) {
    // SAFETY: a hint.
    unsafe {
        asm!("prefetcht0 byte ptr [{}]", in(reg) at, options(nostack, readonly, preserves_flags));
    }
}

/// The dynamic section of this library.
#[inline(always)]
pub fn own_dynamic_section() -> usize {
    let at: usize;
    // SAFETY: computes an address.
    unsafe {
        asm!(".hidden _DYNAMIC", "lea {}, [rip + _DYNAMIC]", out(reg) at,
            options(nomem, nostack, preserves_flags));
    }
    at
}

/// Calls `job.0` on the stack that ends at `top` and stores its result in `job.1`.
///
/// # Safety
/// Nobody else uses that stack.
pub unsafe fn call_on<W: FnOnce() -> R, R>(top: usize, job: &mut (Option<W>, Option<R>)) {
    extern "C" fn run<W: FnOnce() -> R, R>(job: *mut (Option<W>, Option<R>)) {
        // SAFETY: the pointer is that of `call_on`'s argument.
        let job = unsafe { &mut *job };
        job.1 = job.0.take().map(|work| work());
    }
    // SAFETY: the callee preserves r12, which brings the old stack pointer back; the new stack is
    // 16-byte aligned at the call, as the ABI has it.
    unsafe {
        asm!("mov r12, rsp", "mov rsp, {top}", "call {run}", "mov rsp, r12",
            top = in(reg) top,
            run = sym run::<W, R>,
            in("rdi") &raw mut *job,
            out("r12") _,
            clobber_abi("C"));
    }
}

/// Ends the process at once, as a processor does that meets no instruction.
pub fn abort() -> ! {
    // SAFETY: it raises SIGILL, which nothing goes on after.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registers_of_a_context_are_where_the_c_library_has_them() {
        // SAFETY: zeros are valid.
        let mut context: libc::ucontext_t = unsafe { core::mem::zeroed() };
        for (index, register) in [libc::REG_RIP, libc::REG_RSP, libc::REG_RBP].into_iter().enumerate() {
            context.uc_mcontext.gregs[register as usize] = 1 + index as i64;
        }
        // SAFETY: words of the context.
        let words = CONTEXT_REGISTERS.map(|at| unsafe { *(&raw const context).byte_add(at).cast::<i64>() });
        assert_eq!(words, [1, 2, 3]);
    }
}
