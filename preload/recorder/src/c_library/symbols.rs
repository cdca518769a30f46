//! The dynamic symbol tables of one loaded object.
//!
//! As [`super::objects`], this runs before the library is relocated, too. The tables are those that
//! the dynamic linker itself goes by, so they are trusted as it trusts them.

use core::ffi::c_char;

use libc::Elf64_Sym as Symbol;

/// An entry of a dynamic section; the last has the tag 0.
#[repr(C)]
#[derive(Debug)]
pub struct Dynamic {
    tag: i64,
    value: usize,
}

const DT_HASH: i64 = 4;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_GNU_HASH: i64 = 0x6fff_fef5;
const DT_VERSYM: i64 = 0x6fff_fff0;
const DT_VERDEF: i64 = 0x6fff_fffc;

impl Dynamic {
    /// The value of the entry with that tag.
    ///
    /// # Safety
    /// `first` is the beginning of a dynamic section.
    pub unsafe fn value(first: *const Dynamic, tag: i64) -> Option<usize> {
        // SAFETY: the caller's promise; the section ends with an entry that has the tag 0.
        let mut entries = (0..).map(|i| unsafe { &*first.add(i) }).take_while(|entry| entry.tag != 0);
        entries.find(|entry| entry.tag == tag).map(|entry| entry.value)
    }
}

/// Room for a name that is looked for, and for a version, with the NUL.
const NAME: usize = 40;
const VERSION: usize = 12;

/// A name that is looked for. It has its bytes and no pointer to them, which would be one more address
/// in memory that waits to be relocated.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    text: [u8; NAME],
    hash: u32,
    /// The version that the program is bound to; empty for the default.
    version: [u8; VERSION],
}

impl Name {
    /// A name in its default version.
    pub const fn new(text: &str) -> Name {
        Name::versioned(text, "")
    }

    /// Does the name begin so?
    pub fn starts_with(&self, beginning: &[u8]) -> bool {
        self.text.starts_with(beginning)
    }

    /// A name in the version that glibc gave to programs, and in objects that have no versions.
    pub const fn versioned(text: &str, version: &str) -> Name {
        Name { text: padded(text), hash: gnu_hash(text), version: padded(version) }
    }
}

/// The bytes of a string, which is shorter than `N`, and NULs.
const fn padded<const N: usize>(text: &str) -> [u8; N] {
    assert!(text.len() < N);
    let (bytes, mut padded, mut i) = (text.as_bytes(), [0; N], 0);
    while i < bytes.len() {
        padded[i] = bytes[i];
        i += 1;
    }
    padded
}

const fn gnu_hash(name: &str) -> u32 {
    let (bytes, mut hash, mut i) = (name.as_bytes(), 5381u32, 0);
    while i < bytes.len() {
        hash = hash.wrapping_mul(33).wrapping_add(bytes[i] as u32);
        i += 1;
    }
    hash
}

/// The hash of the System V ABI.
fn sysv_hash(name: &[u8]) -> u32 {
    name.iter().take_while(|&&byte| byte != 0).fold(0, |hash: u32, &byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xF000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

/// The tables.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    symbols: *const Symbol,
    strings: *const c_char,
    hashes: Hashes,
    /// For each symbol the number of its version, and whether it is hidden; null if there are none.
    version_of: *const u16,
    versions: *const Version,
}

#[derive(Debug, Clone, Copy)]
enum Hashes {
    Gnu(*const u32),
    SystemV(*const u32),
}

/// `Elf64_Verdef`: a version that the object defines.
#[repr(C)]
#[derive(Debug)]
struct Version {
    structure: u16,
    flags: u16,
    number: u16,
    names: u16,
    hash: u32,
    /// Distances in bytes from here: to the first of its names, and to the next version.
    name: u32,
    next: u32,
}

impl Tables {
    /// The tables that a dynamic section tells of; `None` if it has none to look names up in.
    ///
    /// # Safety
    /// It is the dynamic section of an object that is loaded with that bias.
    pub unsafe fn of(bias: usize, dynamic: *const Dynamic) -> Option<Tables> {
        let (mut symbols, mut strings, mut gnu, mut system_v, mut version_of, mut versions) =
            (0, 0, 0, 0, 0, 0);
        // SAFETY: the caller's promise; the section ends with an entry that has the tag 0.
        let entries = (0..).map(|i| unsafe { &*dynamic.add(i) }).take_while(|entry| entry.tag != 0);
        // Most are between these.
        let entries = entries.filter(|entry| entry.tag <= DT_SYMTAB || entry.tag >= DT_GNU_HASH);
        for Dynamic { tag, value } in entries {
            let place = match *tag {
                DT_SYMTAB => &mut symbols,
                DT_STRTAB => &mut strings,
                DT_GNU_HASH => &mut gnu,
                DT_HASH => &mut system_v,
                DT_VERSYM => &mut version_of,
                DT_VERDEF => &mut versions,
                _ => &mut 0,
            };
            // glibc makes addresses of what it can write to; the kernel's own object and musl's stay
            // as in the file.
            *place = if *value < bias { value + bias } else { *value };
        }
        let hashes = match (gnu, system_v) {
            (0, 0) => return None,
            (0, at) => Hashes::SystemV(at as *const u32),
            (at, _) => Hashes::Gnu(at as *const u32),
        };
        let complete = symbols != 0 && strings != 0;
        complete.then_some(Tables {
            symbols: symbols as *const Symbol,
            strings: strings as *const c_char,
            hashes,
            version_of: version_of as *const u16,
            versions: versions as *const Version,
        })
    }

    /// The symbol that defines a name. It stays as its object does.
    pub fn find(&self, name: &Name) -> Option<&'static Symbol> {
        // SAFETY: the layout of both kinds of hash table is that of the ABI, and the dynamic linker
        // looks names up in the same way.
        unsafe {
            match self.hashes {
                Hashes::Gnu(table) => self.find_gnu(table, name),
                Hashes::SystemV(table) => self.find_system_v(table, name),
            }
        }
    }

    unsafe fn find_gnu(&self, table: *const u32, name: &Name) -> Option<&'static Symbol> {
        // SAFETY: the caller's promise.
        unsafe {
            let (bucket_count, first) = (*table, *table.add(1));
            let (bloom_count, bloom_shift) = (*table.add(2), *table.add(3));
            let bloom = table.add(4).cast::<u64>();
            let buckets = bloom.add(bloom_count as usize).cast::<u32>();
            let chains = buckets.add(bucket_count as usize);
            if bucket_count == 0 || bloom_count == 0 {
                return None;
            }
            let word = *bloom.add((name.hash / 64 % bloom_count) as usize);
            let bits = 1 << (name.hash % 64) | 1 << ((name.hash >> bloom_shift) % 64);
            if word & bits != bits {
                return None;
            }
            let mut index = *buckets.add((name.hash % bucket_count) as usize);
            if index < first {
                return None;
            }
            loop {
                let hash = *chains.add((index - first) as usize);
                if hash | 1 == name.hash | 1 && self.is_definition(index, name) {
                    return Some(&*self.symbols.add(index as usize));
                }
                if hash & 1 != 0 {
                    return None;
                }
                index += 1;
            }
        }
    }

    unsafe fn find_system_v(&self, table: *const u32, name: &Name) -> Option<&'static Symbol> {
        // SAFETY: the caller's promise.
        unsafe {
            let bucket_count = *table;
            let buckets = table.add(2);
            let chains = buckets.add(bucket_count as usize);
            if bucket_count == 0 {
                return None;
            }
            let mut index = *buckets.add((sysv_hash(&name.text) % bucket_count) as usize);
            while index != 0 {
                if self.is_definition(index, name) {
                    return Some(&*self.symbols.add(index as usize));
                }
                index = *chains.add(index as usize);
            }
            None
        }
    }

    /// Does the symbol define that name for other objects?
    unsafe fn is_definition(&self, index: u32, name: &Name) -> bool {
        const STT_TLS: u8 = 6;
        // SAFETY: the index is from a hash table.
        unsafe {
            let symbol = &*self.symbols.add(index as usize);
            symbol.st_shndx != 0 // undefined
                && symbol.st_info >> 4 != 0 // local
                && symbol.st_info & 0xF != STT_TLS
                && is_same(self.strings.add(symbol.st_name as usize), &name.text)
                && self.has_version(index, &name.version)
        }
    }

    /// As the dynamic linker sees it: a definition without a version is good for all, and who asks
    /// for none gets the one that is not hidden.
    unsafe fn has_version(&self, index: u32, wanted: &[u8]) -> bool {
        const HIDDEN: u16 = 0x8000;
        if self.version_of.is_null() {
            return true;
        }
        // SAFETY: there is a number for each symbol.
        let number = unsafe { *self.version_of.add(index as usize) };
        let is_hidden = number & HIDDEN != 0;
        // SAFETY: the list of the object's versions.
        match unsafe { self.name_of_version(number & !HIDDEN) } {
            Some(name) if wanted[0] != 0 => is_same(name, wanted),
            _ => !is_hidden,
        }
    }

    /// The name of a version; `None` for the two numbers that stand for no version.
    unsafe fn name_of_version(&self, number: u16) -> Option<*const c_char> {
        const BASE: u16 = 1; // flag of the one that names the object itself
        let mut at = self.versions;
        // SAFETY: the caller's promise: a list in which each tells how far the next is, 0 at the end.
        while let Some(version) = unsafe { at.as_ref() } {
            if version.number == number && version.flags & BASE == 0 {
                // SAFETY: as above; a name begins with its place among the strings.
                return Some(unsafe {
                    let name = *at.cast::<u8>().add(version.name as usize).cast::<u32>();
                    self.strings.add(name as usize)
                });
            }
            if version.next == 0 {
                return None;
            }
            at = at.cast::<u8>().wrapping_add(version.next as usize).cast();
        }
        None
    }
}

/// Is the text what there is up to the NUL in `wanted`?
fn is_same(text: *const c_char, wanted: &[u8]) -> bool {
    for (i, &byte) in wanted.iter().enumerate() {
        // SAFETY: the text ends with a NUL, and all before was the same as in `wanted`.
        if unsafe { *text.add(i) } as u8 != byte {
            return false;
        }
        if byte == 0 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that are published for these names.
    #[test]
    fn the_hash_is_that_of_the_system_v_abi() {
        let hashes = [(c"", 0), (c"exit", 0x0006_CF04), (c"printf", 0x0779_05A6), (c"syscall", 0x0B09_985C)];
        for (name, hash) in hashes {
            assert_eq!(sysv_hash(name.to_bytes_with_nul()), hash, "{name:?}");
        }
    }

    #[test]
    fn a_name_begins_as_its_text_does() {
        let name = Name::new("malloc");
        assert_eq!(
            [&b"mal"[..], b"malloc", b"alloc"].map(|text| name.starts_with(text)),
            [true, true, false]
        );
    }
}
