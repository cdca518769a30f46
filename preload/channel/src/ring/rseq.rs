//! A write that has its processor's ring for itself: a restartable sequence.
//!
//! The kernel knows an area of each thread's memory in which it keeps the number of the processor, and
//! where the thread tells that it is in such a sequence. A thread that is preempted, moved or sent a
//! signal in it goes on at the sequence's beginning; its last instruction is what makes it count. See
//! `include/uapi/linux/rseq.h` of the kernel. glibc registers
//! the area of each thread from 2.35 on, and tells where it is by `__rseq_offset`.

use core::arch::asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use super::event::{LAP_SHIFT, SIZE_AT, Words};
use super::ring::{HEAD_AT, LIMIT_AT, Ring};

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

/// The area of the calling thread.
#[derive(Debug, Clone, Copy)]
pub struct Rseq(Option<NonNull<Area>>);

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    /// The ring's limit is reached.
    AtLimit,
    /// Interrupted, or on another processor by now.
    Elsewhere,
}

impl Rseq {
    /// The kernel keeps no area of this thread, or nobody knows where.
    pub const NONE: Rseq = Rseq(None);

    /// The area at that address.
    ///
    /// # Safety
    /// It is glibc's area of the calling thread: its thread pointer plus `__rseq_offset`, where
    /// `__rseq_size` is not 0.
    #[inline]
    pub unsafe fn at(address: usize) -> Rseq {
        // SAFETY: there is nothing at null.
        Rseq(Some(unsafe { NonNull::new_unchecked(address as *mut Area) }))
    }

    /// The processor that the thread runs on, if the kernel tells.
    #[inline]
    pub(super) fn processor(self) -> Option<u32> {
        let area = self.0?.as_ptr();
        // SAFETY: see `at`. Volatile, because the kernel changes it.
        let id = unsafe { (&raw const (*area).cpu_id).read_volatile() };
        u32::try_from(id).ok()
    }

    /// Writes to the ring of that processor.
    ///
    /// In loom's model there are no interruptions, and it is what it looks like: a write of its own.
    #[cfg(loom)]
    pub(super) fn write(self, ring: &Ring<'_>, processor: u32, words: Words) -> Outcome {
        if self.processor() != Some(processor) {
            return Outcome::Elsewhere;
        }
        if ring.write_alone(words) { Outcome::Written } else { Outcome::AtLimit }
    }

    /// Writes to the ring of that processor.
    ///
    /// A vfork child has its parent's area, which is not kept for it; it could spoil events that another
    /// thread writes at that moment. POSIX lets it call no malloc.
    #[cfg(not(loom))]
    #[inline(always)]
    pub(super) fn write(self, ring: &Ring<'_>, processor: u32, words: Words) -> Outcome {
        let Some(area) = self.0 else { return Outcome::Elsewhere };
        let status: u64;
        // SAFETY: the area is the calling thread's. In the sequence only the slot at the head and the
        // head itself are stored to, both inside of the ring's memory whatever the head is. The code
        // is as rseq(2) wants it: the abort handler lies outside, after the signature that glibc
        // registered (RSEQ_SIG), and nothing is called.
        unsafe {
            asm!(
                ".pushsection __rseq_cs, \"aw\", @progbits",
                ".balign 32",
                "30: .long 0, 0", // version, flags
                ".quad 31f, 32f - 31f, 34f",
                ".popsection",
                "lea {t}, [rip + 30b]",
                "mov qword ptr [{area} + {cs_at}], {t}",
                "31: cmp dword ptr [{area} + {id_at}], {processor:e}",
                "jne 35f",
                "mov {position}, qword ptr [{ring} + {head_at}]",
                "cmp {position}, qword ptr [{ring} + {limit_at}]",
                "jae 36f",
                // The lap: see `Ring::lap`.
                "mov {t}, {position}",
                "shr {t}, cl",
                "inc {t}",
                "shl {t}, {lap_shift}",
                "or {tag}, {t}",
                "mov {slot}, {position}",
                "and {slot}, {mask}",
                "shl {slot}, 4",
                "add {slot}, {slots}",
                "mov qword ptr [{slot} + {size_at}], {size}",
                "mov qword ptr [{slot}], {tag}",
                "inc {position}",
                "mov qword ptr [{ring} + {head_at}], {position}", // what makes it count
                "32: xor {t:e}, {t:e}",
                "33:",
                ".pushsection .text.unlikely, \"ax\", @progbits",
                ".byte 0x0f, 0xb9, 0x3d", // makes the signature an instruction that traps
                ".long 0x53053053",
                "34:",
                "35: mov {t:e}, 2",
                "jmp 33b",
                "36: mov {t:e}, 1",
                "jmp 33b",
                ".popsection",
                area = in(reg) area.as_ptr(),
                processor = in(reg) processor,
                ring = in(reg) ring.state,
                slots = in(reg) ring.slots.as_ptr(),
                mask = in(reg) ring.slots.len() - 1,
                in("ecx") ring.bits,
                tag = inout(reg) words.tag => _,
                size = in(reg) words.size,
                t = out(reg) status,
                slot = out(reg) _,
                position = out(reg) _,
                id_at = const offset_of!(Area, cpu_id),
                cs_at = const offset_of!(Area, rseq_cs),
                head_at = const HEAD_AT,
                limit_at = const LIMIT_AT,
                size_at = const SIZE_AT,
                lap_shift = const LAP_SHIFT,
                options(nostack),
            );
        }
        match status {
            0 => Outcome::Written,
            1 => Outcome::AtLimit,
            _ => Outcome::Elsewhere,
        }
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
        let thread: usize;
        // SAFETY: the x86-64 TLS ABI; glibc's own words.
        unsafe {
            asm!("mov {}, fs:0", out(reg) thread);
            assert_ne!(__rseq_size, 0, "this kernel has no restartable sequences");
            Rseq::at(thread.wrapping_add_signed(__rseq_offset))
        }
    }

    /// An area that the kernel does not keep: it says what the test wants.
    pub fn pretended(area: &mut [u64; 4], processor: i32) -> Rseq {
        let rseq = Rseq(NonNull::new(area.as_mut_ptr().cast()));
        let word: *const AtomicI32 = (area.as_ptr() as usize + offset_of!(Area, cpu_id)) as *const AtomicI32;
        // SAFETY: a word of the array.
        unsafe { (*word).store(processor, core::sync::atomic::Ordering::Relaxed) };
        rseq
    }

    #[test]
    fn a_thread_knows_its_processor() {
        assert!(own().processor().is_some());
        assert_eq!(Rseq::NONE.processor(), None);
        assert_eq!(pretended(&mut [0; 4], -1).processor(), None);
        assert_eq!(pretended(&mut [0; 4], 3).processor(), Some(3));
    }
}
