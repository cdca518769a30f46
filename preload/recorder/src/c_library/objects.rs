//! The objects that the dynamic linker has loaded, and what they define: looked up in their own
//! tables, as the dynamic linker does it.
//!
//! `dlsym` is not for us: it allocates when it finds nothing, some C libraries have it in another
//! library, and it knows one version of a name where the program is bound to another.
//!
//! A resolver of an IFUNC symbol may call a hook before the dynamic linker has relocated this
//! library. So what is here, and what it calls, does without addresses in memory: no table of
//! pointers, no `dyn`, no copy that becomes a call of `memcpy`; and it is optimized as one with the
//! crates that it calls, and is called from. A test has such a resolver.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::null;

use super::initial_stack::Auxiliary;
use super::known_tables::KnownTables;
use super::symbols::{Dynamic, Name, Tables};
use crate::arch;
use crate::sys::PAGE;

/// The public part of `struct link_map` (link.h), the same in glibc and musl.
#[repr(C)]
#[derive(Debug)]
pub struct LinkMap {
    /// What was added to the file's addresses.
    pub bias: usize,
    /// Path of the file.
    pub name: *const c_char,
    dynamic: *const Dynamic,
    /// The object that was loaded next.
    pub next: *const LinkMap,
    /// And the one before.
    pub previous: *const LinkMap,
}

impl LinkMap {
    /// A record of our own, of an object whose record is not known.
    pub(super) const fn own(bias: usize, name: *const c_char) -> LinkMap {
        LinkMap { bias, name, dynamic: null(), next: null(), previous: null() }
    }

    pub(super) fn tables(&self) -> Option<Tables> {
        // SAFETY: the dynamic linker's record of an object that is loaded.
        KNOWN.tables(self.dynamic, || unsafe { Tables::of(self.bias, self.dynamic) })
    }
}

static KNOWN: KnownTables = KnownTables::new();

/// `struct r_debug` (link.h) up to what is needed.
#[repr(C)]
struct Debug {
    version: i32,
    first: *const LinkMap,
}

/// All objects of the program's namespace, in the order in which names are looked up.
#[derive(Debug, Clone, Copy)]
pub struct Objects {
    first: *const LinkMap,
}

impl Objects {
    /// Those of a list of the test's own.
    #[cfg(test)]
    pub(super) fn listed(first: &LinkMap) -> Objects {
        Objects { first }
    }

    /// The objects of this process.
    pub fn of(vector: Auxiliary) -> Option<Objects> {
        let (headers, count) = vector.program_headers();
        let program = Image { headers: headers as *const _, count };
        let debug = program.debug().or_else(|| Image::linker(vector)?.debug())?;
        // SAFETY: the dynamic linker's own record.
        let first = unsafe { (*debug).first };
        (!first.is_null()).then_some(Objects { first })
    }

    /// All that there are at the start of the process have been loaded. In the constructor.
    pub fn are_all(self) {
        KNOWN.close();
    }

    /// Their records.
    pub(super) fn iter(self) -> impl Iterator<Item = &'static LinkMap> {
        let mut next = self.first;
        core::iter::from_fn(move || {
            // SAFETY: the dynamic linker's list, which ends with null. It only grows while one of our
            // callers runs: before or in the constructor, when nobody unloads anything.
            let map = unsafe { next.as_ref() }?;
            next = map.next;
            Some(map)
        })
    }

    /// The paths of all but the program, this library, and what the kernel has put there.
    pub fn libraries(self, vector: Auxiliary) -> impl Iterator<Item = &'static CStr> {
        const VDSO: usize = 4 * PAGE;
        let vdso = vector.value(libc::AT_SYSINFO_EHDR).map_or(0, |at| at as usize);
        let libraries = self.iter().skip(1).filter(|map| map.dynamic != own_dynamic());
        let of_files = libraries.filter(move |map| (map.dynamic as usize).wrapping_sub(vdso) >= VDSO);
        // SAFETY: a C string of the dynamic linker's, which stays as long as the object does.
        of_files.map(|map| unsafe { CStr::from_ptr(map.name) })
    }

    fn own(self) -> Option<&'static LinkMap> {
        self.iter().find(|map| map.dynamic == own_dynamic())
    }

    /// The path of this library.
    pub fn own_path(self) -> &'static CStr {
        // SAFETY: a C string of the dynamic linker's, which stays as this library does.
        self.own().map_or(c"", |map| unsafe { CStr::from_ptr(map.name) })
    }

    /// Has the dynamic linker no longer find these names in this library, whoever looks for them from
    /// now on. In the constructor only.
    pub fn withdraw(self, names: impl Iterator<Item = Name>) {
        let Some(tables) = self.own().and_then(LinkMap::tables) else { return };
        for symbol in names.filter_map(|name| tables.find(&name)) {
            let symbol = (&raw const *symbol).cast_mut();
            // SAFETY: this library's own table, which layout.ld has put where it can be written to, and which no
            // other thread reads yet.
            unsafe { ((*symbol).st_shndx, (*symbol).st_value) = (0, 0) };
        }
    }

    /// Has AddressSanitizer pass over this library when it looks whether its own is the first, for
    /// else it ends the program: it passes over objects of the kernel, by their names.
    pub fn pass_for_kernels(self) {
        const PREFIX: &[u8] = b"linux-";
        let name = self.own_path();
        if name.count_bytes() >= PREFIX.len() {
            let at = name.as_ptr().cast_mut();
            // SAFETY: the dynamic linker's copy of the path, in memory that it allocated, and that
            // nobody else reads before the constructors.
            PREFIX.iter().enumerate().for_each(|(i, &byte)| unsafe { *at.add(i) = byte as c_char });
        }
    }

    /// The first definition of a name.
    pub fn find(self, name: &Name) -> Option<Definition> {
        self.iter().find_map(|map| Definition::of(name, map))
    }

    /// The first definition behind this library's own.
    pub fn next(self, name: &Name) -> Option<Definition> {
        let own = own_dynamic();
        self.iter().skip_while(|map| map.dynamic != own).skip(1).find_map(|map| Definition::of(name, map))
    }
}

/// Where an object defines a name.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The address of the function or variable.
    pub address: *const c_void,
    map: &'static LinkMap,
}

impl Definition {
    fn of(name: &Name, map: &'static LinkMap) -> Option<Definition> {
        const STT_GNU_IFUNC: u8 = 10;
        let symbol = map.tables()?.find(name)?;
        let mut address = map.bias.wrapping_add(symbol.st_value as usize);
        if symbol.st_info & 0xF == STT_GNU_IFUNC {
            // SAFETY: the function that tells which function it is, as the dynamic linker calls it.
            address = unsafe { core::mem::transmute::<usize, extern "C" fn() -> usize>(address)() };
        }
        Some(Definition { address: address as *const c_void, map })
    }

    /// Is it this library's?
    pub fn is_own(&self) -> bool {
        self.map.dynamic == own_dynamic()
    }

    /// Does the same object define that name too?
    pub fn is_beside(&self, name: &Name) -> bool {
        self.map.tables().is_some_and(|tables| tables.find(name).is_some())
    }
}

/// The dynamic section of this library.
fn own_dynamic() -> *const Dynamic {
    arch::own_dynamic_section() as *const Dynamic
}

/// What was mapped by the kernel, the program or the dynamic linker: its program headers.
struct Image {
    headers: *const libc::Elf64_Phdr,
    count: usize,
}

impl Image {
    /// The dynamic linker, where it is not the program itself.
    fn linker(vector: Auxiliary) -> Option<Image> {
        let base = vector.value(libc::AT_BASE).filter(|&base| base != 0)? as usize;
        // SAFETY: the kernel has mapped the file from its beginning on.
        let header = unsafe { &*(base as *const libc::Elf64_Ehdr) };
        let headers = base + header.e_phoff as usize;
        Some(Image { headers: headers as *const _, count: header.e_phnum.into() })
    }

    fn header(&self, is_wanted: impl Fn(&libc::Elf64_Phdr) -> bool) -> Option<&libc::Elf64_Phdr> {
        // SAFETY: the kernel tells of as many headers, or the file does.
        (0..self.count).map(|i| unsafe { &*self.headers.add(i) }).find(|header| is_wanted(header))
    }

    fn bias(&self) -> Option<usize> {
        let at = self.headers as usize;
        if let Some(own) = self.header(|header| header.p_type == libc::PT_PHDR) {
            return Some(at.wrapping_sub(own.p_vaddr as usize));
        }
        // They follow the ELF header, which begins the first segment.
        let first = self.header(|header| header.p_type == libc::PT_LOAD && header.p_offset == 0)?;
        Some(at.wrapping_sub(size_of::<libc::Elf64_Ehdr>() + first.p_vaddr as usize))
    }

    /// Where the dynamic linker tells debuggers what it has loaded: it puts the address into the
    /// program's dynamic section, if that has room, and it has symbols for it, glibc's for the record
    /// and musl's for a pointer to it.
    fn debug(&self) -> Option<*const Debug> {
        const DT_DEBUG: i64 = 21;
        let bias = self.bias()?;
        let dynamic = self.header(|header| header.p_type == libc::PT_DYNAMIC)?;
        let dynamic = bias.wrapping_add(dynamic.p_vaddr as usize) as *const Dynamic;
        // SAFETY: the dynamic section of an object that is loaded.
        let (told, tables) = unsafe { (Dynamic::value(dynamic, DT_DEBUG), Tables::of(bias, dynamic)) };
        if let Some(at) = told.filter(|&at| at != 0) {
            return Some(at as *const Debug);
        }
        let tables = tables?;
        let address = |name| Some(bias.wrapping_add(tables.find(&name)?.st_value as usize));
        let record = address(Name::new("_r_debug")).map(|at| at as *const Debug);
        record.or_else(|| {
            let pointer = address(Name::new("_dl_debug_addr"))? as *const *const Debug;
            // SAFETY: musl's variable.
            Some(unsafe { *pointer })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> Objects {
        Objects::of(Auxiliary::find().unwrap()).unwrap()
    }

    #[test]
    fn names_are_found_where_the_dynamic_linker_finds_them() {
        for name in [
            c"malloc",
            c"free",
            c"environ",
            c"_dl_find_object",
            c"memcpy",
            c"pthread_create",
            c"_r_debug",
            c"heaptrace_no_such_name",
        ] {
            // SAFETY: the name ends with a NUL.
            let expected = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            let found = objects().find(&Name::new(name.to_str().unwrap()));
            assert_eq!(found.map_or(null(), |found| found.address), expected.cast_const(), "{name:?}");
        }
    }

    #[test]
    fn libraries_have_files() {
        let libraries: Vec<_> = objects().libraries(Auxiliary::find().unwrap()).collect();
        assert!(libraries.iter().any(|path| path.to_str().unwrap().contains("libc.so")), "{libraries:?}");
        assert!(libraries.iter().all(|path| crate::sys::state(path).is_some()), "{libraries:?}");
    }

    #[test]
    fn a_version_is_minded() {
        for (name, version) in [
            (c"memcpy", c"GLIBC_2.2.5"),
            (c"memcpy", c"GLIBC_2.14"),
            (c"malloc", c"GLIBC_2.2.5"),
            (c"malloc", c"GLIBC_1.0"),
        ] {
            // SAFETY: both end with a NUL.
            let expected = unsafe { libc::dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()) };
            let wanted = Name::versioned(name.to_str().unwrap(), version.to_str().unwrap());
            let found = objects().find(&wanted);
            assert_eq!(
                found.map_or(null(), |found| found.address),
                expected.cast_const(),
                "{name:?} {version:?}"
            );
        }
    }

    #[test]
    fn a_definition_tells_whether_it_is_our_own_and_what_is_beside_it() {
        let malloc = objects().find(&Name::new("malloc")).unwrap();
        let own = Definition { map: objects().own().unwrap(), ..malloc };
        assert_eq!([own, malloc].map(|definition| definition.is_own()), [true, false]);
        let beside = ["free", "heaptrace_no_such_name"].map(|name| malloc.is_beside(&Name::new(name)));
        assert_eq!(beside, [true, false]);
    }

    /// The kernel's own object is the first behind a program.
    #[test]
    fn the_next_definition_is_the_first_behind_our_own() {
        for name in [c"__vdso_clock_gettime", c"malloc"] {
            let name = Name::new(name.to_str().unwrap());
            let [found, next] = [objects().find(&name), objects().next(&name)].map(Option::unwrap);
            assert_eq!(found.address, next.address);
        }
        // SAFETY: the dynamic linker's record, which stays.
        let without_own = Objects::listed(unsafe { &*objects().own().unwrap().next });
        assert!(without_own.find(&Name::new("malloc")).is_some());
        assert!(without_own.next(&Name::new("malloc")).is_none() && without_own.own().is_none());
    }

    #[test]
    fn the_program_and_the_dynamic_linker_lead_to_the_same_list() {
        let vector = Auxiliary::find().unwrap();
        let linker = Image::linker(vector).unwrap();
        assert_eq!(linker.bias(), vector.value(libc::AT_BASE).map(|base| base as usize));
        let (headers, count) = vector.program_headers();
        let program = Image { headers: headers as *const _, count };
        assert_eq!(program.bias(), objects().iter().next().map(|map| map.bias));
        let record = linker.debug().unwrap();
        assert_eq!(program.debug(), Some(record));
        // SAFETY: the dynamic linker's.
        assert_eq!(unsafe { (*record).first }, objects().first);
    }

    #[test]
    fn headers_tell_how_far_they_are_from_where_their_file_has_them() {
        let bias = |headers: &[(u32, u64, u64)]| {
            let header = |&(p_type, p_offset, p_vaddr)| {
                // SAFETY: zeros are valid.
                libc::Elf64_Phdr { p_type, p_offset, p_vaddr, ..unsafe { core::mem::zeroed() } }
            };
            let headers: Vec<_> = headers.iter().map(header).collect();
            let at = headers.as_ptr() as usize;
            Image { headers: headers.as_ptr(), count: headers.len() }.bias().map(|bias| at - bias)
        };
        let (load, own) = (libc::PT_LOAD, libc::PT_PHDR);
        assert_eq!(bias(&[(load, 0, 0x1000), (own, 0x40, 0x1040)]), Some(0x1040));
        let behind_elf_header = size_of::<libc::Elf64_Ehdr>() + 0x1000;
        assert_eq!(
            bias(&[(own + 100, 0, 3), (load, 0x2000, 0x3000), (load, 0, 0x1000)]),
            Some(behind_elf_header)
        );
        assert_eq!(bias(&[(load, 0x2000, 0x3000)]), None);
    }

    /// One object, with that path, which passes for this library.
    fn named(path: &mut [u8]) -> LinkMap {
        LinkMap { dynamic: own_dynamic(), ..LinkMap::own(0, path.as_ptr().cast()) }
    }

    #[test]
    fn our_path_begins_as_the_kernels_names_do_if_it_is_long_enough() {
        for (path, expected) in [("/a/b.so", "linux-o"), ("/ab.so", "linux-"), ("/a.so", "/a.so")] {
            let mut path = [path.as_bytes(), b"\0"].concat();
            let map = named(&mut path);
            let objects = Objects::listed(&map);
            objects.pass_for_kernels();
            assert_eq!(objects.own_path().to_str(), Ok(expected));
        }
    }

    #[test]
    fn tables_of_what_is_loaded_after_the_start_are_not_kept() {
        objects().are_all();
        let mut reads = 0;
        for page in (1..100).chain(1..100) {
            KNOWN.tables((page * PAGE) as *const Dynamic, || {
                reads += 1;
                None
            });
        }
        assert_eq!(reads, 2 * 99);
    }
}
