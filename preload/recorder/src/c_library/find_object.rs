//! Which object an address lies in, asked of the dynamic linker without its locks.
//!
//! `_dl_find_object` (glibc 2.35) is made for unwinders: lock-free, and never called back. All
//! other ways to ask (`dl_iterate_phdr`, `dladdr`) take the lock that a thread in `dlopen` holds
//! while it waits for a lock of the program's.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::objects::{LinkMap, Objects};
use super::symbols::Name;

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

/// The C library's `_dl_find_object`, once it is found.
#[derive(Debug, Default)]
pub struct FindObject(AtomicPtr<c_void>);

impl FindObject {
    /// Not looked for yet.
    pub const fn new() -> FindObject {
        FindObject(AtomicPtr::new(null_mut()))
    }

    /// Looks for the function. False if there is none.
    pub fn start(&self, objects: Objects) -> bool {
        let function = objects.find(&Name::new("_dl_find_object"));
        self.0.store(function.map_or(null_mut(), |function| function.address.cast_mut()), Relaxed);
        function.is_some()
    }

    /// The object that `address` lies in.
    pub fn find(&self, address: usize) -> Option<FoundObject> {
        let function = self.0.load(Relaxed);
        if function.is_null() {
            return None;
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
