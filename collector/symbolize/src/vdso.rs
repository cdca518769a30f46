//! The vDSO: the library that the kernel maps into each process, with no file behind it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::elf::Elf;

/// Name of the module.
pub(super) const NAME: &str = "[vdso]";

/// Largest vDSO, in bytes. Linux's are two or three pages.
const SIZE_LIMIT: u64 = 1 << 20;

/// Our own vDSO, which is that of any process of the same kind under the same kernel.
pub(super) fn image() -> Option<Elf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let range = maps.lines().find(|line| line.ends_with(NAME))?.split(' ').next()?;
    let (start, end) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let size = u64::from_str_radix(end, 16).ok()?.checked_sub(start)?.min(SIZE_LIMIT);
    let mut bytes = vec![0; size as usize];
    File::open("/proc/self/mem").ok()?.read_exact_at(&mut bytes, start).ok()?;
    Elf::of_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol_table::SymbolTable;

    #[test]
    fn our_vdso_has_a_build_id_and_names() {
        let vdso = image().unwrap();
        assert!(vdso.build_id().is_some());
        let segment = vdso.executable_segments().next().unwrap();
        let symbols = SymbolTable::new([&vdso]);
        let mut addresses = segment.p_vaddr..segment.p_vaddr + segment.p_memsz;
        assert!(addresses.any(|address| symbols.find(address).as_deref() == Some("clock_gettime")));
    }
}
