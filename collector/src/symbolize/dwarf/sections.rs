//! The sections of a file that DWARF is read from, in memory.

use std::cell::Cell;

use gimli::{AbbreviationsCacheStrategy, Dwarf, DwarfPackage, EndianReader, RunTimeEndian, SectionId};

use super::super::elf::Elf;
use super::bytes::Bytes;

/// What the readers of DWARF read from: a part of a section, which it keeps in memory.
pub(super) type Slice = EndianReader<RunTimeEndian, Bytes>;

/// The sections that say where functions and lines are. Types, variables and macros have others.
const NEEDED: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Those of a package besides. Its index has to agree with the sections even where nothing in them
/// is needed.
const NEEDED_IN_PACKAGE: [SectionId; 7] = [
    SectionId::DebugCuIndex,
    SectionId::DebugTuIndex,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugMacinfo,
    SectionId::DebugMacro,
    SectionId::DebugTypes,
];

/// Reads the sections of one file.
pub(super) struct Sections<'a> {
    elf: &'a Elf,
    /// Bytes read so far.
    pub(super) size: Cell<usize>,
}

impl<'a> Sections<'a> {
    pub(super) fn of(elf: &'a Elf) -> Sections<'a> {
        Sections { elf, size: Cell::new(0) }
    }

    /// A file as compilers make it.
    pub(super) fn whole(&self) -> Dwarf<Slice> {
        let needed = |id| NEEDED.contains(&id).then_some(id.name());
        let load = |id| Ok::<_, std::convert::Infallible>(self.read(needed(id)));
        let Ok(mut dwarf) = Dwarf::load(load);
        dwarf.populate_abbreviations_cache(AbbreviationsCacheStrategy::Duplicates);
        dwarf
    }

    /// A file with one split unit, `.dwo`.
    pub(super) fn split(&self) -> Dwarf<Slice> {
        let needed = |id: SectionId| id.dwo_name().filter(|_| NEEDED.contains(&id));
        let load = |id| Ok::<_, std::convert::Infallible>(self.read(needed(id)));
        let Ok(dwarf) = Dwarf::load(load);
        dwarf
    }

    /// A package of split units, `.dwp`.
    pub(super) fn package(&self) -> Option<DwarfPackage<Slice>> {
        let is_needed = |id: &SectionId| NEEDED.contains(id) || NEEDED_IN_PACKAGE.contains(id);
        let needed = |id: SectionId| id.dwo_name().filter(|_| is_needed(&id));
        DwarfPackage::load(|id| Ok::<_, gimli::Error>(self.read(needed(id))), self.read(None)).ok()
    }

    fn read(&self, name: Option<&str>) -> Slice {
        let bytes = name.and_then(|name| self.elf.debug_section(name)?.bytes()).unwrap_or_default();
        self.size.set(self.size.get() + bytes.len());
        let endian = if self.elf.is_big_endian() { RunTimeEndian::Big } else { RunTimeEndian::Little };
        Slice::new(Bytes::new(bytes), endian)
    }
}
