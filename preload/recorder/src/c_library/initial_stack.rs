//! What the kernel put at the top of the first thread's stack: the arguments, the environment, and
//! behind it the auxiliary vector.
//!
//! It is looked for from the stack pointer upwards, because a hook may be called before anybody has
//! told this library where it is, and because musl's dynamic linker tells constructors nothing.
//! [`Auxiliary::find`] runs before this library is relocated, too (see [`super::objects`]).

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use crate::memory::is_readable;
use crate::sys::{self, PAGE};

/// A list of C strings that ends with a null pointer.
#[derive(Debug, Clone, Copy)]
pub struct Strings(pub *const *const c_char);

impl Strings {
    fn pointers(self) -> impl Iterator<Item = *const c_char> {
        // SAFETY: the kernel and the C library make lists that end with a null pointer.
        (0..).map_while(move |i| Some(unsafe { *self.0.add(i) }).filter(|string| !string.is_null()))
    }

    /// The strings.
    pub fn iter(self) -> impl Iterator<Item = &'static CStr> {
        // SAFETY: the strings end with a NUL and stay where they are.
        self.pointers().map(|string| unsafe { CStr::from_ptr(string) })
    }

    /// The value of an environment variable.
    pub fn value(self, name: &str) -> Option<&'static CStr> {
        self.pointers().find_map(|entry| {
            // SAFETY: a C string, of which nothing is read behind the first byte that differs.
            let byte = |i: usize| unsafe { *entry.add(i) } as u8;
            let is_named = name.bytes().chain([b'=']).enumerate().all(|(i, wanted)| byte(i) == wanted);
            // SAFETY: the tail of a C string is one.
            is_named.then(|| unsafe { CStr::from_ptr(entry.add(name.len() + 1)) })
        })
    }
}

/// An entry of the vector: what it tells, and its value.
pub type AuxiliaryEntry = [u64; 2];

/// The auxiliary vector: entries up to the one that tells AT_NULL.
#[derive(Debug, Clone, Copy)]
pub struct Auxiliary(*const AuxiliaryEntry);

/// The vector, once it is found.
static FOUND: AtomicPtr<AuxiliaryEntry> = AtomicPtr::new(null_mut());

/// Room for a copy of the vector.
#[repr(align(16))]
struct Copied(UnsafeCell<[u8; Copied::SIZE]>);

impl Copied {
    const SIZE: usize = 64 * size_of::<AuxiliaryEntry>();
}

// SAFETY: written by whoever looks first, and with the same bytes by all others.
unsafe impl Sync for Copied {}

/// Rarely needed: see layout.ld.
#[unsafe(link_section = ".bss.large")]
static COPIED: Copied = Copied(UnsafeCell::new([0; Copied::SIZE]));

/// As far as the vector is looked for. Between it and the first function are, beside a few frames,
/// only the pointers to arguments and environment.
const REACH: usize = 8 << 20;

impl Auxiliary {
    /// The vector of this process. First called by the first thread, on the stack that the kernel
    /// gave it.
    pub fn find() -> Option<Auxiliary> {
        let mut vector = FOUND.load(Relaxed).cast_const();
        if vector.is_null() {
            let here = 0usize;
            vector = Auxiliary::above(&raw const here as usize).or_else(Auxiliary::copied)?.0;
            FOUND.store(vector.cast_mut(), Relaxed);
        }
        Some(Auxiliary(vector))
    }

    /// The vector that lies somewhere above `start`, an address on the stack.
    fn above(start: usize) -> Option<Auxiliary> {
        const LENGTH: usize = 3 * size_of::<AuxiliaryEntry>();
        let mut readable = start.next_multiple_of(PAGE);
        let mut at = start;
        while at < start + REACH {
            if at + LENGTH > readable {
                if !is_readable(readable) {
                    return None;
                }
                readable += PAGE;
            }
            // SAFETY: these words are in pages that can be read, and volatile reads may find anything.
            let word = |i: usize| unsafe { (at as *const u64).add(i).read_volatile() };
            // All kernels tell of the program headers in this order.
            if word(0) == libc::AT_PHDR
                && word(2) == libc::AT_PHENT
                && word(3) == size_of::<libc::Elf64_Phdr>() as u64
                && word(4) == libc::AT_PHNUM
            {
                return Some(Auxiliary::around(at as *const AuxiliaryEntry));
            }
            at += size_of::<u64>();
        }
        None
    }

    /// The vector that has an entry there. Its first follows a null pointer: the environment's end.
    fn around(mut entry: *const AuxiliaryEntry) -> Auxiliary {
        // The kinds are small numbers. Before the first is a pointer or a null pointer instead.
        const KINDS: core::ops::Range<u64> = 1..512;
        // SAFETY: before the vector are at least two null pointers and a count.
        while KINDS.contains(unsafe { &(*entry.sub(1))[0] }) {
            entry = entry.wrapping_sub(1);
        }
        Auxiliary(entry)
    }

    /// A copy of the vector, which the kernel shows in a file.
    fn copied() -> Option<Auxiliary> {
        let copy = COPIED.0.get();
        // SAFETY: as `Copied` is shared. What is not written is zero, and so ends the vector.
        let buffer = unsafe { &mut (&mut *copy)[..Copied::SIZE - size_of::<AuxiliaryEntry>()] };
        let known = !sys::read(c"/proc/self/auxv", buffer).is_empty();
        known.then_some(Auxiliary(copy.cast()))
    }

    /// The entries, without the last.
    pub fn entries(self) -> impl Iterator<Item = AuxiliaryEntry> + Clone {
        // SAFETY: the vector ends with AT_NULL, and stays.
        (0..).map_while(move |i| unsafe {
            let entry = *self.0.add(i);
            (entry[0] != libc::AT_NULL).then_some(entry)
        })
    }

    /// What it has of a kind.
    pub fn value(self, kind: u64) -> Option<u64> {
        self.entries().find(|entry| entry[0] == kind).map(|entry| entry[1])
    }

    /// Address and number of the program headers of what the kernel was told to execute.
    pub fn program_headers(self) -> (usize, usize) {
        let headers = self.value(libc::AT_PHDR).zip(self.value(libc::AT_PHNUM));
        headers.map_or((0, 0), |(at, count)| (at as usize, count as usize))
    }

    /// The path that was given to exec.
    pub fn path_given_to_exec(self) -> Option<&'static CStr> {
        // SAFETY: the kernel's own C string, which stays.
        self.value(libc::AT_EXECFN).map(|at| unsafe { CStr::from_ptr(at as *const c_char) })
    }

    /// The arguments and the environment, which lie before the vector; `None` if this is a copy.
    pub fn arguments_and_environment(self) -> Option<(Strings, Strings)> {
        // SAFETY: from the stack pointer of its start a process has the number of arguments, the
        // arguments, a null pointer, the environment, and a null pointer, behind which the vector is.
        (!ptr::eq(self.0, COPIED.0.get().cast())).then(|| unsafe {
            let start_of_list = |end: *const *const c_char| {
                let mut start = end;
                let is_string = |at: *const *const c_char| {
                    !(*at).is_null() && *at as usize != end.offset_from(at) as usize - 1
                };
                while is_string(start.sub(1)) {
                    start = start.sub(1);
                }
                start
            };
            let environment = start_of_list(self.0.cast::<*const c_char>().sub(1));
            let arguments = start_of_list(environment.sub(1));
            (Strings(arguments), Strings(environment))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{guard_page, map_private};

    #[test]
    fn a_variable_has_the_value_behind_its_name_and_no_other() {
        let list = [c"PATHS=1", c"PATH=/bin", c"PATH=2", c"EMPTY="].map(CStr::as_ptr);
        let list: Vec<_> = list.into_iter().chain([ptr::null()]).collect();
        let value = |name| Strings(list.as_ptr()).value(name);
        assert_eq!([value("PATH"), value("EMPTY")], [Some(c"/bin"), Some(c"")]);
        assert_eq!([value("PAT"), value("HOME"), value("ATH")], [None; 3]);
    }

    #[test]
    fn before_the_vector_lie_the_environment_and_the_arguments() {
        unsafe extern "C" {
            static environ: *const *const c_char;
        }
        // SAFETY: no test changes the environment, so it is the kernel's own list, behind which the vector lies.
        let (list, vector) = unsafe { (environ, environ.add(Strings(environ).iter().count() + 1)) };
        let (arguments, environment) = Auxiliary(vector.cast()).arguments_and_environment().unwrap();
        assert!(ptr::eq(environment.0, list));
        let told: Vec<_> = std::fs::read("/proc/self/cmdline").unwrap();
        let told = told.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0);
        assert!(arguments.iter().map(CStr::to_bytes).eq(told));
    }

    #[test]
    fn the_vector_is_found_on_a_stack_and_in_proc() {
        let vector: [u64; 16] = [
            0x7ffc_1234, // an environment
            0,
            libc::AT_SYSINFO_EHDR,
            0x7fff_0000,
            libc::AT_PAGESZ,
            4096,
            libc::AT_PHDR,
            0x40,
            libc::AT_PHENT,
            56,
            libc::AT_PHNUM,
            9,
            libc::AT_ENTRY,
            0,
            libc::AT_NULL,
            0,
        ];
        let found = Auxiliary::above(&raw const vector[0] as usize).unwrap();
        assert_eq!(found.entries().count(), 6);
        assert_eq!(found.program_headers(), (0x40, 9));
        let own = Auxiliary::copied().unwrap();
        // SAFETY: takes numbers.
        assert_eq!(own.value(libc::AT_ENTRY), Some(unsafe { libc::getauxval(libc::AT_ENTRY) }));
        assert!(own.path_given_to_exec().is_some());
    }

    const PROGRAM: [u64; 6] = [libc::AT_PHDR, 0x40, libc::AT_PHENT, 56, libc::AT_PHNUM, 9];

    /// Two pages between others that cannot be read, and the index of the first word that can.
    fn pages() -> (*mut u64, usize) {
        let memory = map_private(4 * PAGE).unwrap().as_ptr();
        // SAFETY: this test's own pages.
        [0, 3].iter().for_each(|page| unsafe { guard_page(memory.add(page * PAGE)) });
        (memory.cast(), PAGE / 8)
    }

    #[test]
    fn the_vector_is_looked_for_page_by_page_up_to_the_first_that_cannot_be_read() {
        let words = 2 * PAGE / 8;
        for place in [2, PAGE / 8 - 1, PAGE / 8, words - PROGRAM.len()] {
            // behind a null pointer
            let (memory, first) = pages();
            let from = |index: usize| memory.wrapping_add(first + index) as usize;
            for start in [0, words - 1, words - 6, words - 7] {
                assert!(Auxiliary::above(from(start)).is_none(), "{start}");
            }
            // SAFETY: in the pages that can be read.
            unsafe { memory.add(first + place).cast::<[u64; 6]>().write(PROGRAM) };
            let found = Auxiliary::above(from(0));
            assert_eq!(found.map(|found| found.0 as usize), Some(from(place)), "{place}");
        }
    }

    #[test]
    fn what_only_begins_like_the_vector_is_passed_over() {
        for (index, word) in [(0, 1), (2, 1), (3, 55), (4, 1)] {
            let ((memory, first), mut decoy) = (pages(), PROGRAM);
            decoy[index] = word;
            // SAFETY: in the pages that can be read.
            unsafe { memory.add(first).cast::<[u64; 6]>().write(decoy) };
            assert!(Auxiliary::above(memory.wrapping_add(first) as usize).is_none(), "{decoy:?}");
        }
        for length in 1..PROGRAM.len() {
            let ((memory, first), end) = (pages(), 3 * PAGE / 8); // behind which nothing can be read
            // SAFETY: in the pages that can be read.
            unsafe { memory.add(end - length).copy_from(PROGRAM.as_ptr(), length) };
            assert!(Auxiliary::above(memory.wrapping_add(first) as usize).is_none(), "{length}");
        }
    }
}
