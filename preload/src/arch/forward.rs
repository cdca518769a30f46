//! What the hooks of C's and of C++'s names have in common: the pieces of their assembly.

use core::ffi::c_void;

/// A block, or null.
pub type Block = *mut c_void;

/// The fast path of an allocation: `$size` is where the number of bytes is.
macro_rules! count_down {
    ($size:literal) => {
        concat!(
            "mov rax, qword ptr [rip + {offset}]\n",
            "cmp qword ptr fs:[rax], ",
            $size,
            "\n",
            "jbe 2f\n", // the request is not below what is left
            "sub qword ptr fs:[rax], ",
            $size,
            "\n",
        )
    };
}

/// Jumps to label 2 if the block in `rdi` may be a sampled one.
macro_rules! look_at_filter {
    () => {
        "mov eax, edi
         shr eax, {bits}
         sub rax, qword ptr [rip + {recorder} + {filter}]
         jae 2f
         cmp byte ptr [rax], 0
         jne 2f"
    };
}

/// Begins a slow path, at label 2: goes on at label 4 if calls are recorded, else to the original.
/// `$size` is what has the number of bytes, `$original` where the original's address is.
macro_rules! unless_recording {
    ($size:literal) => {
        unless_recording!($size, "{original}")
    };
    ($size:literal, $original:literal) => {
        concat!(
            "2: cmp byte ptr [rip + {recorder} + {state}], {recording}\n",
            "je 4f\n",
            "push rdi\n",
            "push rsi\n",
            "push rdx\n",
            "mov rsi, ",
            $size,
            "\n",
            "mov edi, {name}\n",
            "call {not_recording}\n",
            "pop rdx\n",
            "pop rsi\n",
            "pop rdi\n",
            "test al, al\n",
            "jne 4f\n",
            "jmp qword ptr [rip + ",
            $original,
            "]\n",
            "4:",
        )
    };
}

/// The slow path of a hook that frees the block in `rdi`, at label 2: `{slow}` is told of it, and of the
/// hook's `{name}`, before the original gets its arguments, of which it has one or up to three.
macro_rules! tell_of_free {
    (one) => {
        "2: push rdi
         mov rsi, rsp
         mov edx, {name}
         call {slow}
         pop rdi"
    };
    (three) => {
        "2: push rdi
         push rsi
         push rdx
         mov rsi, rsp
         mov edx, {name}
         call {slow}
         pop rdx
         pop rsi
         pop rdi"
    };
}

/// At the end of a hook: aligns its section, and so its first instruction, to a line of the cache,
/// which the fast path then does not leave.
macro_rules! align_to_line {
    () => {
        ".p2align 6"
    };
}

/// The one instruction of a hook, in the page that all hooks of its section are in, and the one that takes its
/// place when the page behind is moved there. In that one, whatever is at a distance is a page further.
macro_rules! in_place_of {
    ($first:literal, later $second:literal) => {
        concat!(
            $first,
            "\n.p2align 4\n",
            ".subsection 1\n",
            ".p2align 12\n", // between the pages
            ".subsection 2\n",
            $second,
            "\n.p2align 4\n",
            ".subsection 3\n",
            ".p2align 12\n", // nothing else is in the second
            ".subsection 0\n",
        )
    };
}

pub(crate) use {align_to_line, count_down, in_place_of, look_at_filter, tell_of_free, unless_recording};
