//! The assembly of the hooks that count.

/// Finds the slot of the calling thread: in `rcx`. Jumps to label 2 if it has none, or this is not known
/// yet, or the size of a block is not in front of it; see `counting::state`.
macro_rules! own_slot {
    () => {
        "mov rcx, qword ptr [rip + {offset}]
         mov rcx, qword ptr fs:[rcx]
         add rcx, qword ptr [rip + {base}]
         jnc 2f"
    };
}

/// The usable size of the block at `$block`: in `r8`. Jumps to `$mapped` if the block is a mapping of its
/// own, which has another one; see `counting::usable`.
macro_rules! size_in_front {
    ($block:literal, $mapped:literal) => {
        concat!(
            "mov r8, qword ptr [",
            $block,
            " - 8]\n",
            "test r8b, {is_mapped}\n",
            "jnz ",
            $mapped,
            "\n",
            "and r8, -8\n",
            "sub r8, {overhead}\n",
        )
    };
}

pub(crate) use {own_slot, size_in_front};
