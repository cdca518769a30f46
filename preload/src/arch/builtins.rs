//! The functions that compiled code calls by itself, so that no C library has to have them.
//!
//! They are hidden: the program and its libraries keep theirs. What is copied here is short; where
//! it is not, `rep` is as fast as anything.

#[cfg(not(test))]
core::arch::global_asm!(
    ".macro heaptrace_function name",
    ".globl \\name",
    ".hidden \\name",
    ".type \\name, @function",
    "\\name:",
    ".endm",
    ".text",
    // Returns rdi; copies rdx bytes from rsi, whichever overlap.
    "heaptrace_function memmove",
    "mov rax, rdi",
    "sub rax, rsi",
    "cmp rax, rdx",
    "mov rax, rdi",
    "jae memcpy",
    "mov rcx, rdx",
    "lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    "heaptrace_function memcpy",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    // Returns rdi; sets rdx bytes to sil.
    "heaptrace_function memset",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    // Compares rdx bytes; the difference of the first two that differ.
    "heaptrace_function bcmp",
    "heaptrace_function memcmp",
    "xor eax, eax",
    "xor r8d, r8d",
    "1: cmp r8, rdx",
    "je 2f",
    "movzx eax, byte ptr [rdi + r8]",
    "movzx ecx, byte ptr [rsi + r8]",
    "inc r8",
    "sub eax, ecx",
    "je 1b",
    "2: ret",
    // Bytes before the NUL.
    "heaptrace_function strlen",
    "mov rax, -1",
    "3: inc rax",
    "cmp byte ptr [rdi + rax], 0",
    "jne 3b",
    "ret",
    // Named by the precompiled parts of Rust, and never called: nothing here unwinds.
    "heaptrace_function rust_eh_personality",
    "ud2",
    ".purgem heaptrace_function",
);
