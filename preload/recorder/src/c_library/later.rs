//! Objects that were loaded after the start, found in memory.
//!
//! The headers of an object lie in some page below each of its functions, since its file is mapped from its
//! beginning on. The dynamic linker's list is not read: others change it meanwhile, and what it leads to is
//! given back. Of an object that was found a word is kept that tells it from others, and each time that an
//! address lies in it the kernel looks whether the word is still there.

use core::cell::UnsafeCell;
use core::ops::Range;
use core::ptr::null;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};

use heaptrace_channel::modules::UNNAMED;
use heaptrace_channel::sys::PAGE;

use super::found_object::FoundObject;
use super::image::Image;
use super::known_object::KnownObject;
use super::objects::LinkMap;
use crate::memory::{Word, compare, is_readable};

/// How far below an address its object may begin.
const FARTHEST: usize = 512 << 20;
/// How much between two parts of an object may be out of reach: linkers align parts to 2 MiB at most.
const WIDEST_GAP: usize = 2 << 20;
/// How often it is taken for granted that what was no object is none.
const TRUSTED: u32 = 1024;
/// Where an ELF header says how far into the file its section headers are.
const SECTIONS_AT: usize = core::mem::offset_of!(libc::Elf64_Ehdr, e_shoff);

/// The objects. Written under the lock of the private stack, read by anyone.
#[derive(Debug)]
pub struct LaterObjects {
    known: [LaterObject; 512],
    /// There are none behind.
    end: AtomicUsize,
    without: [Without; 8],
    /// The one that is the next to be forgotten.
    oldest: AtomicUsize,
}

#[derive(Debug)]
struct LaterObject {
    object: KnownObject,
    map: OwnMap,
    /// Where the word lies that tells it from others,
    word_at: AtomicUsize,
    /// and the word.
    word: AtomicU32,
}

/// Stands in for the dynamic linker's record. Read by who has the lock, or for its address only.
#[derive(Debug)]
struct OwnMap(UnsafeCell<LinkMap>);

// SAFETY: as is said above.
unsafe impl Sync for OwnMap {}

/// Memory in which no object was found: of a JIT, say.
#[derive(Debug)]
struct Without {
    start: AtomicUsize,
    end: AtomicUsize,
    /// How often that was asked.
    asked: AtomicU32,
}

impl LaterObjects {
    /// None.
    pub const fn new() -> LaterObjects {
        LaterObjects {
            known: [const { LaterObject::new() }; 512],
            end: AtomicUsize::new(0),
            without: [const { Without::new() }; 8],
            oldest: AtomicUsize::new(0),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &LaterObject> {
        self.known[..self.end.load(Acquire).min(self.known.len())].iter()
    }

    /// The object at an address, if it was found before and is still there.
    pub fn find(&self, address: usize) -> Option<FoundObject> {
        let here = self.iter().find(|known| known.object.contains(address))?;
        here.is_there().then(|| here.object.found())
    }

    /// The object at the address of a function on the calling thread's stack. Under the lock.
    pub fn search(&self, address: usize) -> Option<FoundObject> {
        if !is_readable(address & !3) || self.is_known_to_be_without(address) {
            return None;
        }
        let (mut page, mut gap) = (address & !(PAGE - 1), 0);
        let lowest = page.saturating_sub(FARTHEST);
        while page > lowest && gap <= WIDEST_GAP {
            match compare(page, u32::from_le_bytes(*b"\x7fELF")) {
                Word::Same => match image_of(page, address) {
                    Some(image) => return self.note(&image),
                    None => gap = 0, // a file that is read, or inside of another
                },
                Word::Other => gap = 0,
                Word::Unreadable => gap += PAGE,
            }
            page -= PAGE;
        }
        let oldest = self.oldest.fetch_add(1, Relaxed) % self.without.len();
        self.without[oldest].fill(page, address);
        None
    }

    fn is_known_to_be_without(&self, address: usize) -> bool {
        let here = self.without.iter().find(|without| without.contains(address));
        here.is_some_and(|without| without.asked.fetch_add(1, Relaxed) < TRUSTED || without.forget())
    }

    /// `None` if there are too many.
    fn note(&self, image: &Image) -> Option<FoundObject> {
        let is_free = |known: &&LaterObject| known.object.is_none() || !known.is_there();
        // Before others are cleared: what takes the place of another in memory does not here.
        let index = self.known.iter().position(|known| is_free(&known))?;
        let Range { start, end } = image.extent();
        self.iter().filter(|known| known.object.overlaps(start, end)).for_each(|known| known.object.clear());
        self.known[index].fill(image);
        self.end.fetch_max(index + 1, Release); // pairs with `iter`
        Some(self.known[index].object.found())
    }
}

/// The image of an object that begins there, and has its code at the address.
fn image_of(start: usize, address: usize) -> Option<Image> {
    // SAFETY: the kernel has read the page. The function of the address is on the calling thread's stack, so if
    // this is its object, it stays.
    let unplaced = unsafe { Image::at(start, 0) }?;
    let image = Image { bias: start.wrapping_sub(unplaced.extent().start), ..unplaced };
    let mut pages =
        image.segments().filter(|range| image.eh_frame_hdr().is_some_and(|at| range.contains(&at)));
    // A file that somebody reads is mapped in another way.
    let is_mapped = |range: Range<usize>| range.step_by(PAGE).all(is_readable_word);
    (image.has_code(address) && pages.all(is_mapped)).then_some(image)
}

fn is_readable_word(address: usize) -> bool {
    is_readable(address & !3)
}

/// Where a word lies that tells an object from others, and the word: of its build id, or else where its
/// sections are in its file.
fn telling_word(image: &Image) -> (usize, u32) {
    let id = image.build_id(image.extent());
    let at = id.first_chunk::<4>().map_or(image.extent().start + SECTIONS_AT, |word| word.as_ptr() as usize);
    // SAFETY: in the notes, or in the first page.
    (at, unsafe { (at as *const u32).read_unaligned() })
}

impl LaterObject {
    const fn new() -> LaterObject {
        LaterObject {
            object: KnownObject::new(),
            map: OwnMap(UnsafeCell::new(LinkMap::own(0, null()))),
            word_at: AtomicUsize::new(0),
            word: AtomicU32::new(0),
        }
    }

    fn is_there(&self) -> bool {
        compare(self.word_at.load(Relaxed), self.word.load(Relaxed)) == Word::Same
    }

    fn fill(&self, image: &Image) {
        self.object.clear();
        let (at, word) = telling_word(image);
        self.word_at.store(at, Relaxed);
        self.word.store(word, Relaxed);
        // SAFETY: only who has the lock reads or writes it.
        let map = unsafe {
            *self.map.0.get() = LinkMap::own(image.bias, UNNAMED.as_ptr());
            &*self.map.0.get()
        };
        self.object.fill(map, image);
    }
}

impl Without {
    const fn new() -> Without {
        Without { start: AtomicUsize::new(0), end: AtomicUsize::new(0), asked: AtomicU32::new(0) }
    }

    fn contains(&self, address: usize) -> bool {
        (self.start.load(Relaxed)..self.end.load(Relaxed)).contains(&address)
    }

    fn fill(&self, start: usize, address: usize) {
        self.start.store(start, Relaxed);
        self.end.store(address + 1, Relaxed);
        self.asked.store(0, Relaxed);
    }

    /// Always false.
    fn forget(&self) -> bool {
        self.end.store(0, Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c_library::{Auxiliary, FindObject, Objects};
    use crate::memory::{guard_page, make_executable, map_private};
    use core::ptr::NonNull;

    fn nothing() -> &'static LaterObjects {
        Box::leak(Box::new(LaterObjects::new()))
    }

    #[test]
    fn an_object_is_found_in_memory_as_the_dynamic_linker_knows_it() {
        let vector = Auxiliary::find().unwrap();
        let asked = Box::leak(Box::new(FindObject::new()));
        asked.start(Objects::of(vector).unwrap(), vector.program_headers());
        let later = nothing();
        let own = an_object_is_found_in_memory_as_the_dynamic_linker_knows_it as *const () as usize;
        for address in [own, libc::malloc as *const () as usize] {
            assert!(later.find(address).is_none());
            let (found, known) = (later.search(address).unwrap(), asked.find(address).unwrap());
            assert_eq!(found.eh_frame_hdr, known.eh_frame_hdr);
            assert!(found.start <= known.start && known.end <= found.end.next_multiple_of(PAGE));
            // SAFETY: the one is our own, the other the dynamic linker's of what stays.
            unsafe { assert_eq!((*found.link_map).bias, (*known.link_map).bias) };
            assert_eq!(later.find(address).unwrap().link_map, found.link_map);
        }
    }

    /// A copy of the C library's first pages, which begin with its headers, at a place of our own.
    fn copy(at: Option<NonNull<u8>>) -> NonNull<u8> {
        let image = nothing().search(libc::malloc as *const () as usize).unwrap();
        let (from, size) = (image.start as *const u8, image.end - image.start);
        let to = at.unwrap_or_else(|| map_private(size).unwrap());
        // SAFETY: both are mapped for one page at least.
        unsafe { to.copy_from(NonNull::new(from.cast_mut()).unwrap(), PAGE) };
        to
    }

    #[test]
    fn what_is_gone_or_another_is_not_taken_for_what_was_there() {
        let (at, later) = (copy(None).as_ptr() as usize, nothing());
        let code = libc::malloc as *const () as usize;
        let image = nothing().search(code).unwrap();
        let inside = at + (code - image.start);
        assert_eq!(later.search(inside).unwrap().start, at);
        let word = later.known[0].word_at.load(Relaxed) as *mut u32;
        // SAFETY: in the copy, which is this test's own.
        unsafe { *word ^= 1 };
        assert!(later.find(inside).is_none(), "another build");
        assert_eq!(later.search(inside).unwrap().start, at);
        assert_eq!(later.iter().filter(|known| !known.object.is_none()).count(), 1);
        hide(NonNull::new(at as *mut u8).unwrap(), 0..(image.end - image.start) / PAGE);
        assert!(later.find(inside).is_none() && later.search(inside).is_none(), "nothing at all");
    }

    #[test]
    fn one_that_is_gone_leaves_its_place_and_one_that_is_there_keeps_it() {
        let (later, code) = (nothing(), libc::malloc as *const () as usize);
        let image = nothing().search(code).unwrap();
        let [first, second, third] = [(); 3].map(|()| copy(None));
        let inside = |copy: NonNull<u8>| copy.as_ptr() as usize + (code - image.start);
        assert!([first, second].iter().all(|&copy| later.search(inside(copy)).is_some()));
        assert!([first, second].iter().all(|&copy| later.find(inside(copy)).is_some()));
        hide(first, 0..1); // as if it was unmapped, but so that no other test gets its place
        assert!(later.search(inside(third)).is_some());
        assert_eq!(later.end.load(Relaxed), 2, "it is where the first was");
        assert!([second, third].iter().all(|&copy| later.find(inside(copy)).is_some()));
    }

    /// Memory of so many pages that begins with the headers of an object: its parts by their types, flags, and
    /// first and last pages.
    fn object(pages: usize, parts: &[(u32, u32, Range<usize>)]) -> NonNull<u8> {
        let memory = map_private(pages * PAGE).unwrap();
        // SAFETY: zeros are valid.
        let (mut file, nothing): (libc::Elf64_Ehdr, libc::Elf64_Phdr) = unsafe { core::mem::zeroed() };
        file.e_ident[..4].copy_from_slice(b"\x7fELF");
        (file.e_phoff, file.e_phnum) = (size_of_val(&file) as u64, parts.len() as u16);
        file.e_phentsize = size_of_val(&nothing) as u16;
        file.e_shoff = 0x5A5A;
        let headers = parts.iter().map(|&(p_type, p_flags, Range { start, end })| libc::Elf64_Phdr {
            p_type,
            p_flags,
            p_vaddr: (start * PAGE) as u64,
            p_memsz: ((end - start) * PAGE) as u64,
            ..nothing
        });
        // SAFETY: all lies in the first page, which is this test's own.
        unsafe {
            memory.cast().write(file);
            let first = memory.byte_add(size_of_val(&file)).cast::<libc::Elf64_Phdr>();
            headers.enumerate().for_each(|(i, header)| first.add(i).write(header));
        }
        memory
    }

    /// Makes so many pages of the memory inaccessible.
    fn hide(memory: NonNull<u8>, pages: Range<usize>) {
        // SAFETY: the test's own, and nobody touches them.
        pages.for_each(|page| unsafe { guard_page(memory.as_ptr().add(page * PAGE)) });
    }

    const LOADED: u32 = libc::PT_LOAD;
    const CODE: u32 = libc::PF_R | libc::PF_X;

    #[test]
    fn an_object_is_looked_for_across_a_gap_that_linkers_leave_and_no_wider_one() {
        const TWO_MEBIBYTES: usize = 512;
        for (gap, is_found) in [(0, true), (TWO_MEBIBYTES, true), (TWO_MEBIBYTES + 1, false)] {
            let pages = gap + 3;
            let memory = object(pages, &[(LOADED, CODE, 0..pages)]);
            hide(memory, 1..1 + gap);
            let address = memory.as_ptr() as usize + (pages - 1) * PAGE;
            assert_eq!(nothing().search(address).is_some(), is_found, "{gap} pages");
        }
    }

    #[test]
    fn an_object_is_one_whose_code_is_there_and_whose_unwind_information_can_be_read() {
        let unwind = (libc::PT_GNU_EH_FRAME, libc::PF_R, 2..3);
        let parts = [(LOADED, libc::PF_R, 0..1), (LOADED, CODE, 1..2), (LOADED, libc::PF_R, 2..4), unwind];
        let memory = object(4, &parts);
        let page = |page: usize| memory.as_ptr() as usize + page * PAGE + 8;
        let is_found = || [0, 1, 2].map(|number| nothing().search(page(number)).is_some());
        assert_eq!(is_found(), [false, true, false]);
        hide(memory, 3..4);
        assert_eq!(is_found(), [false; 3], "a part of the segment is missing");
    }

    #[test]
    fn an_object_without_a_build_id_is_told_from_others_by_where_its_sections_are() {
        let (memory, later) = (object(2, &[(LOADED, CODE, 0..2)]), nothing());
        let address = memory.as_ptr() as usize + PAGE;
        assert!(later.search(address).is_some() && later.find(address).is_some());
        assert_eq!(later.known[0].word.load(Relaxed), 0x5A5A);
        // SAFETY: in the first page, which is this test's own.
        unsafe { (*memory.cast::<libc::Elf64_Ehdr>().as_ptr()).e_shoff += 1 };
        assert!(later.find(address).is_none());
    }

    #[test]
    fn memory_without_an_object_is_searched_once_in_a_while() {
        let (memory, later) = (map_private(16 * PAGE).unwrap(), nothing());
        assert!(make_executable(memory, 16 * PAGE));
        let address = memory.as_ptr() as usize + 15 * PAGE;
        assert!((0..10).all(|_| later.search(address).is_none()));
        assert_eq!(later.without[0].asked.load(Relaxed), 9);
        assert_eq!(later.oldest.load(Relaxed), 1);
        assert!((9..TRUSTED).all(|_| later.search(address).is_none()));
        assert_eq!(later.oldest.load(Relaxed), 1);
        assert!(later.search(address).is_none());
        assert_eq!(later.oldest.load(Relaxed), 2);
    }

    #[test]
    fn several_pieces_of_memory_without_an_object_are_remembered() {
        let (memory, later) = (map_private(16 * PAGE).unwrap().as_ptr() as usize, nothing());
        for page in 0..9 {
            assert!(later.search(memory + page * PAGE).is_none());
            let remembered = later.without.iter().filter(|without| without.contains(memory)).count();
            assert_eq!(remembered, (page + 1).min(later.without.len()));
        }
    }
}
