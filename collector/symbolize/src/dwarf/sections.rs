//! The sections of a file that DWARF is read from.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use gimli::{Dwarf, DwarfPackage, RunTimeEndian, SectionId};

use super::section::Section;
use super::slice::Slice;
use crate::elf::Elf;
use crate::open_files::Permit;

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

/// The sections of one file.
pub(super) struct Sections<'a> {
    elf: &'a Elf,
    /// To keep the file open, if one was asked for.
    permit: OnceCell<Option<Arc<Permit>>>,
    /// What is in memory of them.
    size: &'a Arc<AtomicUsize>,
}

impl<'a> Sections<'a> {
    /// Those of `elf`. What they take of memory is added to `size`.
    pub(super) fn of(elf: &'a Elf, size: &'a Arc<AtomicUsize>) -> Sections<'a> {
        Sections { elf, permit: OnceCell::new(), size }
    }

    /// A file as compilers make it.
    pub(super) fn whole(&self) -> Dwarf<Slice> {
        let needed = |id| NEEDED.contains(&id).then_some(id.name());
        let load = |id| Ok::<_, std::convert::Infallible>(self.read(needed(id)));
        let Ok(dwarf) = Dwarf::load(load);
        dwarf
    }

    /// A file with one split unit, `.dwo`. A program may have thousands of them, so none is kept open.
    pub(super) fn split(&self) -> Dwarf<Slice> {
        let _ = self.permit.set(None);
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
        let endian = if self.elf.is_big_endian() { RunTimeEndian::Big } else { RunTimeEndian::Little };
        let permit = || self.permit.get_or_init(Permit::new).clone();
        let contents = name.and_then(|name| self.elf.debug_section(name));
        let section = contents.map(|contents| Section::new(&contents, endian, permit, self.size));
        Slice::new(section.unwrap_or_else(|| Section::empty(endian)))
    }
}
