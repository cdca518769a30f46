//! Which module an address lies in, asked of the dynamic linker without its locks.
//!
//! `_dl_find_object` (glibc 2.35) is made for unwinders: lock-free, and never called back. All
//! other ways to ask (`dl_iterate_phdr`, `dladdr`) take the lock that a thread in `dlopen` holds
//! while it waits for a lock of the program's.

use core::ffi::{CStr, c_char, c_void};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicU64, AtomicUsize, Ordering::*};

use heaptrace_channel::Segment;
use heaptrace_channel::modules::{MAX_MODULES, Module, ModuleId};
use heaptrace_channel::processes::Process;

use super::rules::RULES;
use crate::c_library::{Name, Objects};
use crate::sys::PAGE;

/// glibc's `struct dl_find_object` (dlfcn.h) on x86-64.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct FoundObject {
    flags: u64,
    map_start: usize,
    map_end: usize,
    link_map: *const LinkMap,
    eh_frame_hdr: usize,
    reserved: [u64; 7],
}

/// The public part of glibc's `struct link_map` (link.h).
#[repr(C)]
#[derive(Debug)]
struct LinkMap {
    bias: usize,
    name: *const c_char,
    dynamic: usize,
    next: *const LinkMap,
    previous: *const LinkMap,
}

/// A module as the dynamic linker has it now.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Lowest mapped address.
    pub start: usize,
    /// End of the highest mapping.
    pub end: usize,
    /// Address of `.eh_frame_hdr`; 0 if the module has none.
    pub eh_frame_hdr: usize,
    link_map: *const LinkMap,
}

type FindObject = unsafe extern "C" fn(*const c_void, *mut FoundObject) -> i32;

static FIND_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Looks for the C library's `_dl_find_object`. False if it has none.
pub fn start(objects: Objects, (headers, count): (usize, usize)) -> bool {
    let Some(function) = objects.find(&Name::new("_dl_find_object")) else { return false };
    FIND_OBJECT.store(function.address.cast_mut(), Relaxed);
    let Some(own) = find(start as *const () as usize) else { return false };
    INITIAL.fill(own.link_map);
    PROGRAM.fill(headers, count);
    true
}

/// The program's own executable. The kernel maps it, segment by segment; where that leaves a gap,
/// `_dl_find_object` knows its segments but not the whole, so that is taken from its headers.
struct Program {
    headers: AtomicUsize,
    count: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
}

static PROGRAM: Program = Program {
    headers: AtomicUsize::new(0),
    count: AtomicUsize::new(0),
    start: AtomicUsize::new(0),
    end: AtomicUsize::new(0),
};

impl Program {
    /// Notes where the program lies. Its link map is the first of the list.
    fn fill(&self, headers: usize, count: usize) {
        let map = INITIAL.maps[0].load(Relaxed);
        if headers == 0 || map.is_null() {
            return;
        }
        // SAFETY: the link map of the program, which stays.
        let image = Image { bias: unsafe { (*map).bias }, headers: headers as *const _, count };
        let loaded = || {
            image.headers().filter(|header| header.p_type == libc::PT_LOAD).map(|header| image.range(header))
        };
        self.start.store(loaded().map(|range| range.start & !(PAGE - 1)).min().unwrap_or(0), Relaxed);
        self.end.store(loaded().map(|range| range.end).max().unwrap_or(0), Relaxed);
        self.count.store(count, Relaxed);
        self.headers.store(headers, Relaxed);
    }

    /// The headers, if `map` is the program's.
    fn headers(&self, map: *const LinkMap) -> Option<(*const libc::Elf64_Phdr, usize)> {
        let headers = self.headers.load(Relaxed);
        let is_program = headers != 0 && core::ptr::eq(INITIAL.maps[0].load(Relaxed), map);
        is_program.then(|| (headers as *const _, self.count.load(Relaxed)))
    }
}

/// The module that `address` lies in.
pub fn find(address: usize) -> Option<Found> {
    let function = FIND_OBJECT.load(Relaxed);
    if function.is_null() {
        return None;
    }
    // SAFETY: a FoundObject of zeros is valid, the function is the one of that name, and it writes
    // no more than its struct.
    let (found, result) = unsafe {
        let function: FindObject = core::mem::transmute(function);
        let mut result: FoundObject = core::mem::zeroed();
        (function(address as *const c_void, &mut result) == 0, result)
    };
    let whole = match PROGRAM.headers(result.link_map) {
        Some(_) => (PROGRAM.start.load(Relaxed), PROGRAM.end.load(Relaxed)),
        None => (result.map_start, result.map_end),
    };
    found.then_some(Found {
        start: whole.0,
        end: whole.1,
        eh_frame_hdr: result.eh_frame_hdr,
        link_map: result.link_map,
    })
}

/// The modules of the start: the program and what it is linked with, which are never unloaded.
struct Initial {
    maps: [AtomicPtr<LinkMap>; 1024],
    count: AtomicUsize,
    /// Those that have a record in the channel. Written under the lock of the private stack.
    noted: [AtomicBool; 1024],
}

static INITIAL: Initial = Initial {
    maps: [const { AtomicPtr::new(core::ptr::null_mut()) }; 1024],
    count: AtomicUsize::new(0),
    noted: [const { AtomicBool::new(false) }; 1024],
};

impl Initial {
    /// Notes the whole list that `of` is in. Only in the constructor, while nobody changes it.
    fn fill(&self, of: *const LinkMap) {
        // SAFETY: the dynamic linker's list, linked both ways and ended by null.
        unsafe {
            let mut map = of;
            while !(*map).previous.is_null() {
                map = (*map).previous;
            }
            for place in &self.maps {
                if map.is_null() {
                    break;
                }
                place.store(map.cast_mut(), Relaxed);
                self.count.fetch_add(1, Relaxed);
                map = (*map).next;
            }
        }
    }

    /// Which of them has that link map.
    fn position(&self, map: *const LinkMap) -> Option<usize> {
        self.maps[..self.count.load(Relaxed)].iter().position(|known| core::ptr::eq(known.load(Relaxed), map))
    }
}

/// A module that was loaded after the start, and may be unloaded: what identifies it, as another one at
/// the same place differs in this, and its record.
#[derive(Debug)]
struct Loaded {
    /// 0 if there is none here. Stored last, so that who reads it first reads the rest of it too.
    link_map: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    /// Where eight bytes of its build id lie, 0 if it has none, and what they were.
    id_at: AtomicUsize,
    id: AtomicU64,
    record: AtomicU16,
}

/// Those that a stack of this process led through, none of which lies where another does. Written
/// under the lock of the private stack, read by anyone.
struct LoadedModules {
    list: [Loaded; MAX_MODULES],
    /// There are none behind.
    end: AtomicUsize,
}

static LOADED: LoadedModules = LoadedModules {
    list: [const {
        Loaded {
            link_map: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            id_at: AtomicUsize::new(0),
            id: AtomicU64::new(0),
            record: AtomicU16::new(0),
        }
    }; MAX_MODULES],
    end: AtomicUsize::new(0),
};

impl Loaded {
    fn is(&self, found: &Found) -> bool {
        let is_there = self.link_map.load(Acquire) == found.link_map as usize // pairs with `push`
            && self.start.load(Relaxed) == found.start
            && self.end.load(Relaxed) == found.end;
        let id_at = self.id_at.load(Relaxed);
        is_there
            // SAFETY: a module of the same extent is mapped there, and its notes are in its first pages.
            && (id_at == 0 || unsafe { (id_at as *const u64).read_unaligned() } == self.id.load(Relaxed))
    }

    fn overlaps(&self, start: usize, end: usize) -> bool {
        self.start.load(Relaxed) < end && start < self.end.load(Relaxed)
    }

    fn record(&self) -> ModuleId {
        ModuleId(self.record.load(Relaxed))
    }
}

impl LoadedModules {
    fn iter(&self) -> impl Iterator<Item = &Loaded> {
        let list = self.list[..self.end.load(Acquire).min(MAX_MODULES)].iter(); // pairs with `push`
        list.filter(|loaded| loaded.link_map.load(Acquire) != 0)
    }

    /// The record of a module, which is given one if it has none.
    fn note(&self, found: &Found, to: (Process, &Segment)) -> ModuleId {
        if let Some(loaded) = self.iter().find(|loaded| loaded.is(found)) {
            return loaded.record();
        }
        let image = Image::of(found);
        let build_id = image.as_ref().map_or(&[][..], |image| image.build_id(found.start..found.end));
        let replaces = self.forget(found.start, found.end);
        // What replaces a file of the same name is another one, unless the build ids say otherwise.
        let record = found.add_record(to, build_id, false, replaces && build_id.is_empty());
        self.push(found, build_id, record);
        record
    }

    /// Forgets what was loaded between two addresses, which is gone. True if anything was.
    fn forget(&self, start: usize, end: usize) -> bool {
        let mut any = false;
        for loaded in self.iter().filter(|loaded| loaded.overlaps(start, end)) {
            loaded.link_map.store(0, Release);
            any = true;
        }
        if any {
            RULES.clear();
        }
        any
    }

    fn push(&self, found: &Found, build_id: &[u8], record: ModuleId) {
        let free = self.list.iter().position(|loaded| loaded.link_map.load(Relaxed) == 0);
        let Some(index) = free else { return };
        let loaded = &self.list[index];
        let id = build_id.first_chunk().map_or(0, |id| u64::from_ne_bytes(*id));
        loaded.start.store(found.start, Relaxed);
        loaded.end.store(found.end, Relaxed);
        loaded.id_at.store(if build_id.len() < 8 { 0 } else { build_id.as_ptr() as usize }, Relaxed);
        loaded.id.store(id, Relaxed);
        loaded.record.store(record.0, Relaxed);
        loaded.link_map.store(found.link_map as usize, Release); // pairs with `iter` and `is`
        self.end.fetch_max(index + 1, Release); // pairs with `iter`
    }
}

/// The module of an address that lies in none of the start's, if what lies there is what a stack last
/// led through.
pub fn unchanged(address: usize) -> Option<ModuleId> {
    let loaded = LOADED.iter().find(|loaded| loaded.overlaps(address, address + 1));
    match (find(address), loaded) {
        (Some(found), Some(loaded)) => loaded.is(&found).then(|| loaded.record()),
        (None, None) => Some(ModuleId::BY_ADDRESS), // code that a JIT made
        _ => None,
    }
}

/// Notes that `address` lies in no module.
pub fn forget(address: usize) {
    LOADED.forget(address, address + 1);
}

impl Found {
    /// Gives the module a record of this process in the channel unless it has one. Returns how frames name it, and
    /// whether it can never be unloaded.
    pub fn note(&self, to: (Process, &Segment)) -> (ModuleId, bool) {
        let Some(index) = INITIAL.position(self.link_map) else { return (LOADED.note(self, to), false) };
        if !INITIAL.noted[index].load(Relaxed) {
            let image = Image::of(self);
            let build_id = image.as_ref().map_or(&[][..], |image| image.build_id(self.start..self.end));
            self.add_record(to, build_id, true, false);
            INITIAL.noted[index].store(true, Relaxed);
        }
        (ModuleId::BY_ADDRESS, true)
    }

    fn add_record(
        &self,
        (process, segment): (Process, &Segment),
        build_id: &[u8],
        is_initial: bool,
        is_other: bool,
    ) -> ModuleId {
        // SAFETY: the link map of a module that a frame lies in is there, with its name.
        let (bias, name) = unsafe { ((*self.link_map).bias, CStr::from_ptr((*self.link_map).name)) };
        let module = Module {
            start: self.start as u64,
            end: self.end as u64,
            bias: bias as u64,
            is_initial,
            build_id,
            path: name.to_bytes(),
        };
        let added = segment.modules().add(process, &module, is_other, || segment.header().nudge());
        added.unwrap_or(ModuleId::BY_ADDRESS)
    }

    /// End of the loaded segment that `address` lies in: as far as unwind information may reach.
    pub fn segment_end(&self, address: usize) -> usize {
        let Some(image) = Image::of(self) else { return self.end };
        image
            .headers()
            .filter(|header| header.p_type == libc::PT_LOAD)
            .map(|header| image.range(header))
            .find(|range| range.contains(&address))
            .map_or(self.end, |range| range.end.min(self.end))
    }
}

/// The ELF and program headers of a module, in memory.
struct Image {
    bias: usize,
    headers: *const libc::Elf64_Phdr,
    count: usize,
}

impl Image {
    /// `None` if the module does not begin with its headers in its first page.
    fn of(found: &Found) -> Option<Image> {
        // SAFETY: as in `note`.
        let bias = unsafe { (*found.link_map).bias };
        if let Some((headers, count)) = PROGRAM.headers(found.link_map) {
            return Some(Image { bias, headers, count });
        }
        // SAFETY: a module's lowest mapping is at least a page long and, in all common layouts,
        // readable; it is on this thread's stack, so it stays mapped.
        let header = unsafe { &*(found.start as *const libc::Elf64_Ehdr) };
        let (offset, count) = (header.e_phoff as usize, usize::from(header.e_phnum));
        let fits = header.e_ident[..4] == *b"\x7fELF"
            && usize::from(header.e_phentsize) == size_of::<libc::Elf64_Phdr>()
            && offset < PAGE
            && offset + count * size_of::<libc::Elf64_Phdr>() <= PAGE;
        fits.then(|| Image { bias, headers: (found.start + offset) as *const _, count })
    }

    fn headers(&self) -> impl Iterator<Item = &libc::Elf64_Phdr> {
        // SAFETY: `of` saw that they lie in the first page, or the kernel says where they are.
        unsafe { core::slice::from_raw_parts(self.headers, self.count) }.iter()
    }

    fn range(&self, header: &libc::Elf64_Phdr) -> core::ops::Range<usize> {
        let start = self.bias.wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    }

    /// The GNU build id; empty if there is none.
    fn build_id(&self, module: core::ops::Range<usize>) -> &[u8] {
        let notes =
            self.headers().filter(|header| header.p_type == libc::PT_NOTE).map(|header| self.range(header));
        let inside = notes.filter(|range| {
            module.start <= range.start && range.start < range.end && range.end <= module.end
        });
        // SAFETY: notes are in a loaded segment, here inside the module's extent.
        let bytes =
            inside.map(|range| unsafe { core::slice::from_raw_parts(range.start as *const u8, range.len()) });
        bytes.filter_map(build_id_of_notes).next().unwrap_or(&[])
    }
}

/// Finds the note NT_GNU_BUILD_ID (type 3, name "GNU") among ELF notes.
fn build_id_of_notes(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    loop {
        let (name, length, kind) = (word(notes, 0)? as usize, word(notes, 4)? as usize, word(notes, 8)?);
        let start = 12usize.checked_add(name.checked_next_multiple_of(4)?)?;
        let end = start.checked_add(length)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
            return notes.get(start..end);
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_found_behind_other_notes() {
        let mut notes = Vec::new();
        for (kind, text) in [(1u32, &b"abi"[..]), (3, &[7; 20])] {
            notes.extend([4u32, text.len() as u32, kind].map(u32::to_le_bytes).concat());
            notes.extend(b"GNU\0");
            notes.extend(text);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id_of_notes(&notes), Some(&[7; 20][..]));
        assert_eq!(build_id_of_notes(&notes[..40]), None);
        assert_eq!(build_id_of_notes(&[0xFF; 64]), None);
    }
}
