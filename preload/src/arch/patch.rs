//! Code of a patch: the jump that takes the place of a function's first bytes, the way from there into the
//! hook, and the pieces of assembly that the hook is made of. In it `r11` leads to what is known of the
//! function, of which the second word is the function without its patch.

use core::slice;

/// Bytes of [`way_in`].
pub const WAY_IN: usize = 13;

/// Code that goes to where the word at that address leads, with the address in `r11`.
pub fn way_in(patched: usize) -> [u8; WAY_IN] {
    let mut code = [0x49, 0xBB, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xFF, 0x23]; // mov r11, imm64; jmp [r11]
    code[2..10].copy_from_slice(&patched.to_le_bytes());
    code
}

/// Replaces so many bytes of code, five at least, by a jump; what is left of them is never run.
///
/// # Safety
/// They can be written to, no thread runs them, and `target` is within 2 GiB.
pub unsafe fn put_jump(at: usize, length: usize, target: usize) {
    const JUMP: u8 = 0xE9;
    const NEVER: u8 = 0xCC;
    // SAFETY: the caller's promise.
    let code = unsafe { slice::from_raw_parts_mut(at as *mut u8, length) };
    code.fill(NEVER);
    code[0] = JUMP;
    code[1..5].copy_from_slice(&(target.wrapping_sub(at + 5) as i32).to_le_bytes());
}

/// Counts the bytes in a register down and goes on to the function; to `{slow}`, at label 2, where they are
/// not below what is left.
macro_rules! count_down_inside {
    ($size:literal) => {
        concat!(
            "mov r10, qword ptr [rip + {offset}]\n",
            "cmp qword ptr fs:[r10], ",
            $size,
            "\n",
            "jbe 2f\n",
            "sub qword ptr fs:[r10], ",
            $size,
            "\n",
            "jmp qword ptr [r11 + 8]\n",
            "2: jmp {slow}\n",
        )
    };
}

/// Calls `{slow}` with the six registers of arguments as they came, and with the stack pointer, `rbp` and
/// `r11` as three arguments more. Where nothing is recorded it goes on to the function.
macro_rules! call_slow {
    () => {
        ".cfi_startproc
         cmp byte ptr [rip + {recorder} + {state}], {recording}
         jne 3f
         push r11
         .cfi_adjust_cfa_offset 8
         push rbp
         .cfi_adjust_cfa_offset 8
         lea rax, [rsp + 16]
         push rax
         .cfi_adjust_cfa_offset 8
         call {slow}
         add rsp, 24
         .cfi_adjust_cfa_offset -24
         ret
         3: jmp qword ptr [r11 + 8]
         .cfi_endproc"
    };
}

pub(crate) use {call_slow, count_down_inside};
