//! A write that has its processor's ring for itself: a restartable sequence.
//!
//! The kernel knows an area of each thread's memory in which it keeps the number of the processor, and
//! where the thread tells that it is in such a sequence. A thread that is preempted, moved or sent a
//! signal in it goes on at the sequence's beginning; its last instruction is what makes it count. See
//! `include/uapi/linux/rseq.h` of the kernel. glibc registers
//! the area of each thread from 2.35 on, and tells where it is by `__rseq_offset`.

use core::arch::asm;
use core::marker::PhantomData;
use core::mem::offset_of;

use super::event::{BRIEF_BIT, FREED_BIT, LAP_SHIFT, SIZE_AT, Words};
use super::ring::{HEAD_AT, LIMIT_AT, Ring, SLOTS_AT};

/// What the kernel keeps of a thread.
#[derive(Debug)]
#[repr(C)]
struct Area {
    cpu_id_start: u32,
    /// The processor; negative where the area is not registered.
    cpu_id: i32,
    /// The sequence that the thread is in.
    rseq_cs: u64,
}

/// The area of the calling thread, by its distance from the thread pointer; 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Rseq {
    offset: isize,
    /// It is the calling thread's only.
    not_send: PhantomData<*const Area>,
}

/// So many bytes ahead a line of the ring is asked for: the reader has it, and to get it takes as long as some
/// events. Beyond the ring it may be anything, as nothing comes of it.
const AHEAD: usize = 1024;

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    /// The ring's limit is reached.
    AtLimit,
    /// Interrupted, or on another processor by now.
    Elsewhere,
}

/// A sequence of these lines, the last of which is what makes it count, of a thread on that processor. They find the
/// head in `position`, and may use what is named below and the operands that come with them.
#[cfg(not(loom))]
macro_rules! sequence {
    ($rseq:ident, $ring:ident, $processor:ident, $words:ident, [$($line:expr),*], $($operands:tt)*) => {
        asm!(
            ".pushsection __rseq_cs, \"aw\", @progbits",
            ".balign 32",
            "30: .long 0, 0", // version, flags
            ".quad 31f, 32f - 31f, 33f",
            ".popsection",
            "lea {t}, [rip + 30b]",
            "mov qword ptr fs:[{area} + {cs_at}], {t}",
            "31: cmp dword ptr fs:[{area} + {id_at}], {processor:e}",
            "jne {elsewhere}",
            "mov {position}, qword ptr [{ring} + {head_at}]",
            $($line,)*
            "32:",
            ".pushsection .text.unlikely, \"ax\", @progbits",
            ".byte 0x0f, 0xb9, 0x3d", // makes the signature an instruction that traps
            ".long 0x53053053",
            "33: jmp {elsewhere}",
            ".popsection",
            area = in(reg) $rseq.offset,
            processor = in(reg) $processor,
            ring = in(reg) $ring.state(),
            mask = in(reg) $ring.count.mask,
            in("ecx") $ring.count.bits,
            tag = in(reg) $words.tag,
            size = in(reg) $words.size,
            t = out(reg) _,
            position = out(reg) _,
            id_at = const offset_of!(Area, cpu_id),
            cs_at = const offset_of!(Area, rseq_cs),
            head_at = const HEAD_AT,
            limit_at = const LIMIT_AT,
            tag_at = const SLOTS_AT,
            size_at = const SLOTS_AT + SIZE_AT,
            lap_shift = const LAP_SHIFT,
            ahead = const SLOTS_AT + AHEAD,
            elsewhere = label { return Outcome::Elsewhere },
            at_limit = label { return Outcome::AtLimit },
            $($operands)*
            options(nostack),
        )
    };
}

/// Makes `t` the tag at the head: with the lap, which see [`Ring::lap`]. There is a slot if that is before the limit.
#[cfg(not(loom))]
macro_rules! tag_at_head {
    () => {
        concat!(
            "cmp {position}, qword ptr [{ring} + {limit_at}]\n",
            "jae {at_limit}\n",
            "mov {t}, {position}\n",
            "shr {t}, cl\n",
            "inc {t}\n",
            "shl {t}, {lap_shift}\n",
            "or {t}, {tag}",
        )
    };
}

/// Stores size and tag in the slot at the head.
#[cfg(not(loom))]
macro_rules! store {
    () => {
        concat!(
            "and {position}, {mask}\n",
            "shl {position}, 4\n",
            "prefetchw byte ptr [{ring} + {position} + {ahead}]\n",
            "mov qword ptr [{ring} + {position} + {size_at}], {size}\n",
            "mov qword ptr [{ring} + {position} + {tag_at}], {t}",
        )
    };
}

impl Rseq {
    /// The kernel keeps no area of this thread, or nobody knows where.
    pub const NONE: Rseq = Rseq { offset: 0, not_send: PhantomData };

    /// The area at that distance from the thread pointer, or none if that is 0.
    ///
    /// # Safety
    /// It is glibc's area of the calling thread: `__rseq_offset`, where `__rseq_size` is not 0.
    #[inline]
    pub unsafe fn at(offset: isize) -> Rseq {
        Rseq { offset, not_send: PhantomData }
    }

    /// The area at that address, which is somewhere else: of a test.
    ///
    /// # Safety
    /// It is an area that stays as long as this thread uses it.
    pub unsafe fn at_address(address: usize) -> Rseq {
        let thread: usize;
        // SAFETY: the x86-64 TLS ABI.
        unsafe { asm!("mov {}, fs:0", out(reg) thread, options(nostack, readonly, preserves_flags)) };
        Rseq { offset: address.wrapping_sub(thread) as isize, ..Rseq::NONE }
    }

    /// Is there one?
    #[inline]
    fn is_known(self) -> bool {
        self.offset != 0
    }

    /// The processor that the thread runs on, if the kernel tells.
    #[inline]
    pub(super) fn processor(self) -> Option<u32> {
        if !self.is_known() {
            return None;
        }
        let id: i32;
        // SAFETY: see `at`. Not pure, because the kernel changes it.
        unsafe {
            asm!(
                "mov {id:e}, dword ptr fs:[{offset} + {id_at}]",
                id = out(reg) id,
                offset = in(reg) self.offset,
                id_at = const offset_of!(Area, cpu_id),
                options(nostack, readonly, preserves_flags),
            );
        }
        u32::try_from(id).ok()
    }

    /// Writes to the ring of that processor.
    ///
    /// A vfork child has its parent's area, which is not kept for it; it could spoil events that another
    /// thread writes at that moment. POSIX lets it call no malloc.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(super) fn write(self, ring: &Ring<'_>, processor: u32, words: Words) -> Outcome {
        if !self.is_known() {
            return Outcome::Elsewhere;
        }
        // SAFETY: the area is the calling thread's. In the sequence only the slot at the head and the
        // head itself are stored to, both inside of the ring's memory whatever the head is. The code
        // is as rseq(2) wants it: the abort handler lies outside, after the signature that glibc
        // registered (RSEQ_SIG), and nothing is called.
        unsafe {
            sequence!(
                self,
                ring,
                processor,
                words,
                [tag_at_head!(), store!(), "inc qword ptr [{ring} + {head_at}]"],
            );
        }
        Outcome::Written
    }

    /// Writes that the block of an allocation was freed: where the ring's last message is of that, and of the same
    /// epoch, into that, which becomes brief.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(super) fn write_free(self, ring: &Ring<'_>, processor: u32, allocation: Words) -> Outcome {
        if !self.is_known() {
            return Outcome::Elsewhere;
        }
        // SAFETY: as in `write`, and a bit of the slot before the head, which is one of the ring's too, is set.
        unsafe {
            sequence!(
                self,
                ring,
                processor,
                allocation,
                [
                    "lea {t}, [{position} - 1]",
                    "and {t}, {mask}",
                    "shl {t}, 4",
                    // All of its tag but the lap, which it has: nobody reserves a slot of this ring.
                    "mov {last}, qword ptr [{ring} + {t} + {tag_at}]",
                    "xor {last}, {tag}",
                    "shl {last}, 64 - {lap_shift}",
                    "jne 34f",
                    "cmp qword ptr [{ring} + {t} + {size_at}], {size}",
                    "jne 34f",
                    "lea {position}, [{ring} + {t} + {tag_at}]",
                    "movabs {t}, 1 << {brief_bit}",
                    "jmp 35f",
                    "34:",
                    tag_at_head!(),
                    "bts {t}, {freed_bit}",
                    store!(),
                    "lea {position}, [{ring} + {head_at}]",
                    "mov {t:e}, 1",
                    "35: add qword ptr [{position}], {t}"
                ],
                last = out(reg) _,
                freed_bit = const FREED_BIT,
                brief_bit = const BRIEF_BIT,
            );
        }
        Outcome::Written
    }

    /// In loom's model there are no interruptions, and it is what it looks like: a write of its own.
    #[cfg(loom)]
    pub(super) fn write(self, ring: &Ring<'_>, processor: u32, words: Words) -> Outcome {
        if self.processor() != Some(processor) {
            return Outcome::Elsewhere;
        }
        if ring.write_alone(words) { Outcome::Written } else { Outcome::AtLimit }
    }

    /// As above.
    #[cfg(loom)]
    pub(super) fn write_free(self, ring: &Ring<'_>, processor: u32, allocation: Words) -> Outcome {
        if self.processor() == Some(processor) && ring.shorten_last(allocation) {
            return Outcome::Written;
        }
        self.write(ring, processor, allocation.freed())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use core::sync::atomic::AtomicI32;

    unsafe extern "C" {
        static __rseq_offset: isize;
        static __rseq_size: u32;
    }

    /// The calling thread's area, as glibc registered it.
    pub fn own() -> Rseq {
        // SAFETY: glibc's own words.
        unsafe {
            assert_ne!(__rseq_size, 0, "this kernel has no restartable sequences");
            Rseq::at(__rseq_offset)
        }
    }

    /// An area that the kernel does not keep: it says what the test wants.
    pub fn pretended(area: &mut [u64; 4], processor: i32) -> Rseq {
        let word: *const AtomicI32 = (area.as_ptr() as usize + offset_of!(Area, cpu_id)) as *const AtomicI32;
        // SAFETY: a word of the array, which the test keeps.
        unsafe {
            (*word).store(processor, core::sync::atomic::Ordering::Relaxed);
            Rseq::at_address(area.as_ptr() as usize)
        }
    }

    #[test]
    fn a_thread_knows_its_processor() {
        assert!(own().processor().is_some());
        assert_eq!(Rseq::NONE.processor(), None);
        assert_eq!(pretended(&mut [0; 4], -1).processor(), None);
        assert_eq!(pretended(&mut [0; 4], 3).processor(), Some(3));
    }
}
