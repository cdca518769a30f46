//! Which object an address lies in, asked of the dynamic linker without its locks.
//!
//! `_dl_find_object` (glibc 2.35) is made for unwinders: lock-free, and never called back. All
//! other ways to ask (`dl_iterate_phdr`, `dladdr`) take the lock that a thread in `dlopen` holds
//! while it waits for a lock of the program's.
//!
//! Where it is missing, in older versions and in musl, the objects of the start are known, from the dynamic
//! linker's list of that moment; those that are loaded later are looked for in memory.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use heaptrace_channel::sys::PAGE;

use super::found_object::FoundObject;
use super::image::Image;
use super::known_object::KnownObject;
use super::later::LaterObjects;
use super::objects::Objects;
use super::symbols::Name;
use crate::memory::is_readable;

type DlFindObject = unsafe extern "C" fn(*const c_void, *mut FoundObject) -> i32;

/// Whom to ask.
#[derive(Debug)]
#[repr(C)] // what all use is in front
pub struct FindObject {
    /// The C library's `_dl_find_object`, if it has one.
    function: AtomicPtr<c_void>,
    /// The objects of the start, if not,
    initial: [KnownObject; 512],
    /// and those that were loaded later.
    later: LaterObjects,
}

impl Default for FindObject {
    fn default() -> FindObject {
        FindObject::new()
    }
}

impl FindObject {
    /// Not looked for yet.
    pub const fn new() -> FindObject {
        FindObject {
            function: AtomicPtr::new(null_mut()),
            initial: [const { KnownObject::new() }; 512],
            later: LaterObjects::new(),
        }
    }

    /// Looks for the function, or notes what is loaded now. `program` are address and number of the
    /// program's headers. Called in the constructor, while nobody changes the dynamic linker's list.
    pub fn start(&self, objects: Objects, program: (usize, usize)) {
        match objects.find(&Name::new("_dl_find_object")) {
            Some(function) => self.function.store(function.address.cast_mut(), Relaxed),
            None => self.note_initial(objects, program),
        }
    }

    fn note_initial(&self, objects: Objects, (headers, count): (usize, usize)) {
        let loaded = objects.iter().enumerate().filter_map(|(index, map)| {
            if index == 0 {
                let program = Image { bias: map.bias, headers: headers as *const _, count };
                return (headers != 0).then_some((map, program));
            }
            let is_there = map.bias.is_multiple_of(PAGE) && is_readable(map.bias);
            // SAFETY: the page can be read, and what is loaded at the start stays.
            Some((map, is_there.then(|| unsafe { Image::at(map.bias, map.bias) })??))
        });
        self.initial.iter().zip(loaded).for_each(|(place, (map, image))| place.fill(map, &image));
    }

    /// The object that `address` lies in, as far as it is known.
    pub fn find(&self, address: usize) -> Option<FoundObject> {
        match self.ask(address) {
            Answer::Found(found) => Some(found),
            Answer::Nothing => None,
            Answer::Nobody => self.later.find(address),
        }
    }

    /// The object that `address` lies in, where a function is that the calling thread is in. Looks for it in
    /// memory if it is not known, under the lock of the private stack.
    pub fn search(&self, address: usize) -> Option<FoundObject> {
        match self.ask(address) {
            Answer::Found(found) => Some(found),
            Answer::Nothing => None,
            Answer::Nobody => self.later.find(address).or_else(|| self.later.search(address)),
        }
    }

    fn ask(&self, address: usize) -> Answer {
        let function = self.function.load(Relaxed);
        if function.is_null() {
            let mut known = self.initial.iter().take_while(|object| !object.is_none());
            let object = known.find(|object| object.contains(address));
            return object.map_or(Answer::Nobody, |object| Answer::Found(object.found()));
        }
        // SAFETY: a FoundObject of zeros is valid, the function is the one of that name, and it writes
        // no more than its struct.
        unsafe {
            let function: DlFindObject = core::mem::transmute(function);
            let mut found: FoundObject = core::mem::zeroed();
            let is_found = function(address as *const c_void, &mut found) == 0;
            if is_found { Answer::Found(found) } else { Answer::Nothing }
        }
    }
}

/// What those say who are asked first.
enum Answer {
    Found(FoundObject),
    /// It lies in none.
    Nothing,
    /// They do not know.
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c_library::{Auxiliary, LinkMap};
    use crate::memory::{guard_page, map_private};

    #[test]
    fn the_objects_of_the_start_are_known_as_the_dynamic_linker_knows_them() {
        let vector = Auxiliary::find().unwrap();
        let objects = Objects::of(vector).unwrap();
        let (asked, noted) = (Box::leak(Box::new(FindObject::new())), Box::leak(Box::new(FindObject::new())));
        asked.start(objects, vector.program_headers());
        noted.note_initial(objects, vector.program_headers());
        let main = the_objects_of_the_start_are_known_as_the_dynamic_linker_knows_them as *const () as usize;
        for address in [main, libc::malloc as *const () as usize] {
            let (one, other) = (asked.find(address).unwrap(), noted.find(address).unwrap());
            assert_eq!((one.link_map, one.eh_frame_hdr), (other.link_map, other.eh_frame_hdr));
            assert!(other.start <= one.start && one.end <= other.end.next_multiple_of(PAGE));
        }
        assert!(noted.find(8).is_none() && noted.find(usize::MAX).is_none());
    }

    #[test]
    fn what_does_not_begin_with_headers_in_a_page_that_can_be_read_is_not_noted() {
        let (page, hidden) = (map_private(PAGE).unwrap(), map_private(PAGE).unwrap());
        // SAFETY: this test's own page.
        unsafe { guard_page(hidden.as_ptr()) };
        let name = c"".as_ptr();
        let mut objects = [0, page.as_ptr() as usize, hidden.as_ptr() as usize, page.as_ptr() as usize + 4]
            .map(|bias| LinkMap::own(bias, name));
        for index in (1..objects.len()).rev() {
            objects[index - 1].next = &raw const objects[index];
        }
        let noted = Box::leak(Box::new(FindObject::new()));
        noted.note_initial(Objects::listed(&objects[0]), (0, 0));
        assert!(noted.initial.iter().all(KnownObject::is_none));
    }
}
