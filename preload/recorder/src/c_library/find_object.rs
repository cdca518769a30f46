//! Which object an address lies in, asked of the dynamic linker without its locks.
//!
//! `_dl_find_object` (glibc 2.35) is made for unwinders: lock-free, and never called back. All
//! other ways to ask (`dl_iterate_phdr`, `dladdr`) take the lock that a thread in `dlopen` holds
//! while it waits for a lock of the program's.
//!
//! Where it is missing, in older versions and in musl, the objects of the start are known, from the dynamic
//! linker's list of that moment; what is loaded later is not, as its list may change at any time.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use heaptrace_channel::sys::PAGE;

use super::objects::{LinkMap, Objects};
use super::symbols::Name;
use crate::memory::is_readable;

/// glibc's `struct dl_find_object` (dlfcn.h) on 64-bit processors.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FoundObject {
    flags: u64,
    /// Lowest mapped address.
    pub start: usize,
    /// End of the highest mapping.
    pub end: usize,
    /// The dynamic linker's record of it.
    pub link_map: *const LinkMap,
    /// Address of `.eh_frame_hdr`; 0 if there is none.
    pub eh_frame_hdr: usize,
    reserved: [u64; 7],
}

type Function = unsafe extern "C" fn(*const c_void, *mut FoundObject) -> i32;

/// Whom to ask.
#[derive(Debug)]
pub struct FindObject {
    /// The C library's `_dl_find_object`, if it has one.
    function: AtomicPtr<c_void>,
    /// The objects of the start, if not.
    initial: [InitialObject; 512],
}

impl Default for FindObject {
    fn default() -> FindObject {
        FindObject::new()
    }
}

impl FindObject {
    /// Not looked for yet.
    pub const fn new() -> FindObject {
        FindObject { function: AtomicPtr::new(null_mut()), initial: [const { InitialObject::new() }; 512] }
    }

    /// Looks for the function, or notes what is loaded now. `program` are address and number of the
    /// program's headers. Called in the constructor, while nobody changes the dynamic linker's list.
    pub fn start(&self, objects: Objects, program: (usize, usize)) {
        match objects.find(&Name::new("_dl_find_object")) {
            Some(function) => self.function.store(function.address.cast_mut(), Relaxed),
            None => {
                let loaded = objects.iter().enumerate().filter_map(|(index, map)| {
                    let headers = if index == 0 { Some(program) } else { headers_of(map.bias) };
                    Some((map, headers.filter(|(at, _)| *at != 0)?))
                });
                self.initial.iter().zip(loaded).for_each(|(place, (map, headers))| place.fill(map, headers));
            }
        }
    }

    /// The object that `address` lies in.
    pub fn find(&self, address: usize) -> Option<FoundObject> {
        let function = self.function.load(Relaxed);
        if function.is_null() {
            let known = self.initial.iter().take_while(|object| object.end.load(Relaxed) != 0);
            return { known }.find(|object| object.contains(address)).map(InitialObject::found);
        }
        // SAFETY: a FoundObject of zeros is valid, the function is the one of that name, and it writes
        // no more than its struct.
        unsafe {
            let function: Function = core::mem::transmute(function);
            let mut found: FoundObject = core::mem::zeroed();
            (function(address as *const c_void, &mut found) == 0).then_some(found)
        }
    }
}

/// An object that was loaded at the start, and stays.
#[derive(Debug)]
struct InitialObject {
    start: AtomicUsize,
    /// 0 where there is none.
    end: AtomicUsize,
    link_map: AtomicPtr<LinkMap>,
    eh_frame_hdr: AtomicUsize,
}

impl InitialObject {
    const fn new() -> InitialObject {
        InitialObject {
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            link_map: AtomicPtr::new(null_mut()),
            eh_frame_hdr: AtomicUsize::new(0),
        }
    }

    fn fill(&self, map: &'static LinkMap, (headers, count): (usize, usize)) {
        // SAFETY: the kernel says where the program's are, and others' were found where their files begin.
        let headers = unsafe { core::slice::from_raw_parts(headers as *const libc::Elf64_Phdr, count) };
        let of_kind = |kind| headers.iter().filter(move |header| header.p_type == kind);
        let at = |address: u64| map.bias.wrapping_add(address as usize);
        let start = of_kind(libc::PT_LOAD).map(|header| at(header.p_vaddr) & !(PAGE - 1)).min();
        let end = of_kind(libc::PT_LOAD).map(|header| at(header.p_vaddr + header.p_memsz)).max();
        let eh_frame_hdr = of_kind(libc::PT_GNU_EH_FRAME).map(|header| at(header.p_vaddr)).next();
        self.link_map.store((&raw const *map).cast_mut(), Relaxed);
        self.eh_frame_hdr.store(eh_frame_hdr.unwrap_or(0), Relaxed);
        self.start.store(start.unwrap_or(0), Relaxed);
        self.end.store(end.unwrap_or(1), Relaxed); // and so others follow
    }

    fn contains(&self, address: usize) -> bool {
        (self.start.load(Relaxed)..self.end.load(Relaxed)).contains(&address)
    }

    fn found(&self) -> FoundObject {
        FoundObject {
            flags: 0,
            start: self.start.load(Relaxed),
            end: self.end.load(Relaxed),
            link_map: self.link_map.load(Relaxed),
            eh_frame_hdr: self.eh_frame_hdr.load(Relaxed),
            reserved: [0; 7],
        }
    }
}

/// Address and number of the program headers of an object whose file is mapped from `start` on.
fn headers_of(start: usize) -> Option<(usize, usize)> {
    if start & (PAGE - 1) != 0 || !is_readable(start) {
        return None;
    }
    // SAFETY: the page can be read, and a header is valid for any bits.
    let header = unsafe { &*(start as *const libc::Elf64_Ehdr) };
    let (offset, count) = (header.e_phoff as usize, usize::from(header.e_phnum));
    let fits = header.e_ident[..4] == *b"\x7fELF"
        && usize::from(header.e_phentsize) == size_of::<libc::Elf64_Phdr>()
        && offset < PAGE
        && offset + count * size_of::<libc::Elf64_Phdr>() <= PAGE;
    fits.then_some((start + offset, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c_library::Auxiliary;

    #[test]
    fn the_objects_of_the_start_are_known_as_the_dynamic_linker_knows_them() {
        let vector = Auxiliary::find().unwrap();
        let objects = Objects::of(vector).unwrap();
        let (asked, noted) = (Box::leak(Box::new(FindObject::new())), Box::leak(Box::new(FindObject::new())));
        asked.start(objects, vector.program_headers());
        let maps = objects.iter().enumerate();
        let headers = |index, map: &LinkMap| {
            if index == 0 { Some(vector.program_headers()) } else { headers_of(map.bias) }
        };
        let loaded = maps.filter_map(|(index, map)| Some((map, headers(index, map)?)));
        noted.initial.iter().zip(loaded).for_each(|(place, (map, headers))| place.fill(map, headers));
        let main = the_objects_of_the_start_are_known_as_the_dynamic_linker_knows_them as *const () as usize;
        for address in [main, libc::malloc as *const () as usize] {
            let (one, other) = (asked.find(address).unwrap(), noted.find(address).unwrap());
            assert_eq!((one.link_map, one.eh_frame_hdr), (other.link_map, other.eh_frame_hdr));
            assert!(other.start <= one.start && one.end <= other.end.next_multiple_of(PAGE));
        }
        assert!(noted.find(8).is_none() && noted.find(usize::MAX).is_none());
    }
}
