//! Stubs of the procedure linkage table: code that linkers make without a symbol, which jumps to a
//! function of another module.

use std::ops::Range;
use std::sync::Arc;

use goblin::elf::header::EM_X86_64;
use goblin::elf::reloc::RelocSection;
use goblin::elf::sym::Symtab;
use hashbrown::HashMap;

use super::elf::{Elf, string};
use super::later::Later;
use super::open_files::Permit;

/// Size of a stub in bytes, and what stubs are aligned to, except in `.plt.got`.
const STUB_SIZE: u64 = 16;

/// The sections that have stubs, and the size of theirs.
const SECTIONS: [(&str, u64); 3] =
    [(".plt", STUB_SIZE), (".plt.sec", STUB_SIZE), (".plt.got", STUB_SIZE / 2)];

/// The stubs of an x86-64 file.
#[derive(Debug, Default)]
pub(super) struct Plt {
    /// Where the sections with stubs are, as the file has addresses.
    places: Vec<Range<u64>>,
    /// Few are asked for: nothing is called from a stub.
    stubs: Later<Stubs>,
}

impl Plt {
    /// The stubs of a file; there are none if it is of another machine. `permit` is the one to keep
    /// the file open.
    pub(super) fn new(elf: &Arc<Elf>, permit: Option<&Arc<Permit>>) -> Plt {
        if elf.machine() != EM_X86_64 {
            return Plt::default();
        }
        let sections = SECTIONS.iter().filter_map(|(name, _)| elf.section(name));
        let places: Vec<_> = sections.map(|s| s.sh_addr..s.sh_addr.saturating_add(s.sh_size)).collect();
        if places.is_empty() {
            return Plt::default();
        }
        Plt { places, stubs: Later::new(elf, permit, Stubs::read) }
    }

    /// `name@plt` if `address`, as the file has addresses, is in the stub for `name`.
    pub(super) fn find(&self, address: u64) -> Option<String> {
        if !self.places.iter().any(|place| place.contains(&address)) {
            return None;
        }
        self.stubs.get()?.find(address)
    }
}

/// What the stubs of a file lead to.
#[derive(Debug, Default)]
struct Stubs {
    /// Address and code of the sections with stubs, and the size of a stub.
    sections: Vec<(u64, Vec<u8>, u64)>,
    /// The name of the function whose address is put into each slot of the global offset table.
    slots: HashMap<u64, String>,
}

impl Stubs {
    fn read(elf: &Elf) -> Stubs {
        let sections = SECTIONS.iter().filter_map(|&(name, size)| {
            let section = elf.section(name)?;
            Some((section.sh_addr, elf.bytes(section)?, size))
        });
        Stubs { sections: sections.collect(), slots: slots(elf) }
    }

    fn find(&self, address: u64) -> Option<String> {
        self.sections.iter().find_map(|(start, code, size)| {
            let offset = address.checked_sub(*start)?;
            if offset >= code.len() as u64 {
                return None;
            }
            // `.plt.got` has stubs of 8 bytes, or of 16 where they begin with endbr64.
            [*size, STUB_SIZE].into_iter().find_map(|size| {
                let first = offset - offset % size;
                let stub = Range { start: first as usize, end: (first + size) as usize };
                let slot = jump_slot(start + first, code.get(stub)?)?;
                Some(format!("{}@plt", self.slots.get(&slot)?))
            })
        })
    }
}

/// The address that a stub at `address` reads its target from: that of `jmp *offset(%rip)`.
fn jump_slot(address: u64, stub: &[u8]) -> Option<u64> {
    const JUMP: [u8; 2] = [0xff, 0x25];
    let jump = stub.windows(2).position(|bytes| bytes == JUMP)?;
    let offset = stub.get(jump + 2..)?.first_chunk::<4>()?;
    let next = address.checked_add(jump as u64 + 6)?;
    next.checked_add_signed(i32::from_le_bytes(*offset).into())
}

/// The names that dynamic relocations give to addresses.
fn slots(elf: &Elf) -> HashMap<u64, String> {
    let tables = [".rela.plt", ".rela.dyn"].into_iter().filter_map(|name| elf.section(name));
    let slots = tables.filter_map(|section| {
        let bytes = elf.bytes(section)?;
        let symbols_section = elf.section_at(section.sh_link)?;
        let symbols = elf.bytes(symbols_section)?;
        let strings = elf.bytes(elf.section_at(symbols_section.sh_link)?)?;
        let count = symbols.len() / goblin::elf::Sym::size(elf.ctx().container);
        let symbols = Symtab::parse(&symbols, 0, count, elf.ctx()).ok()?;
        let relocations = RelocSection::parse(&bytes, 0, bytes.len(), true, elf.ctx()).ok()?;
        let named = relocations.iter().filter_map(|relocation| {
            let name = string(&strings, symbols.get(relocation.r_sym)?.st_name)?;
            let name = String::from_utf8_lossy(name).into_owned();
            (!name.is_empty()).then_some((relocation.r_offset, name))
        });
        Some(named.collect::<Vec<_>>())
    });
    slots.flatten().collect()
}
