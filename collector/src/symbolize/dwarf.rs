//! Debug information in DWARF: which functions and lines an address stands for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::gimli::{self, DwarfPackage, EndianSlice, RunTimeEndian, SectionId};
use addr2line::{Context, LookupContinuation, LookupResult, SplitDwarfLoad};
use typed_arena::Arena;

use super::debug_file::{DebugFile, DebugFolders};
use super::declaration::Declarations;
use super::elf::Elf;

/// What the readers of DWARF read from: a part of a section.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// The debug information of a module, in memory.
#[derive(Debug)]
pub(super) struct DebugInfo {
    main: Sections,
    supplementary: Option<Sections>,
    package: Option<Sections>,
}

/// The sections of one file.
#[derive(Debug)]
struct Sections {
    endian: RunTimeEndian,
    bytes: Vec<(SectionId, Vec<u8>)>,
}

/// A frame as DWARF describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DwarfFrame {
    /// The linkage name, or if there is none the name in the source.
    pub(super) name: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    /// Where the function is declared.
    pub(super) start_line: Option<u64>,
}

impl DebugInfo {
    /// Reads the debug information in `file`, if there is any, and what it refers to.
    pub(super) fn load(file: &DebugFile, module: &Path, folders: &DebugFolders) -> Option<DebugInfo> {
        if !file.elf.has_dwarf() {
            return None;
        }
        let supplementary = folders.supplementary(file);
        let package = folders.package(module, file);
        Some(DebugInfo {
            main: Sections::load(&file.elf),
            supplementary: supplementary.map(|elf| Sections::load(&elf)),
            package: package.map(|elf| Sections::load_split(&elf)),
        })
    }
}

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

impl Sections {
    /// Reads a file as compilers make it.
    fn load(elf: &Elf) -> Sections {
        Sections::load_named(elf, &NEEDED, |id| Some(id.name()))
    }

    /// Reads a file with split units.
    fn load_split(elf: &Elf) -> Sections {
        let needed = [NEEDED.as_slice(), &NEEDED_IN_PACKAGE].concat();
        Sections::load_named(elf, &needed, SectionId::dwo_name)
    }

    fn load_named(
        elf: &Elf,
        needed: &[SectionId],
        name: impl Fn(SectionId) -> Option<&'static str>,
    ) -> Sections {
        let endian = match elf.is_big_endian() {
            true => RunTimeEndian::Big,
            false => RunTimeEndian::Little,
        };
        let load = |&id| Some((id, elf.debug_section(name(id)?)?));
        Sections { endian, bytes: needed.iter().filter_map(load).collect() }
    }

    fn get(&self, id: SectionId) -> Slice<'_> {
        let found = self.bytes.iter().find(|(other, _)| *other == id);
        EndianSlice::new(found.map_or(&[], |(_, bytes)| bytes), self.endian)
    }

    fn dwarf(&self) -> gimli::Dwarf<Slice<'_>> {
        let load = |id| Ok::<_, std::convert::Infallible>(self.get(id));
        let Ok(dwarf) = gimli::Dwarf::load(load);
        dwarf
    }
}

/// Storage for split units, which are read when the first address in them is looked up.
#[derive(Default)]
pub(super) struct SplitUnits(Arena<Sections>);

/// Finds the frames of addresses.
pub(super) struct Dwarf<'a> {
    context: Context<Slice<'a>>,
    declarations: Declarations<'a>,
    package: Option<DwarfPackage<Slice<'a>>>,
    split_units: &'a SplitUnits,
    module: &'a Path,
    folders: &'a DebugFolders,
}

impl<'a> Dwarf<'a> {
    /// Indexes the units of `info`, the debug information of the module loaded from `module`.
    pub(super) fn new(
        info: &'a DebugInfo,
        split_units: &'a SplitUnits,
        module: &'a Path,
        folders: &'a DebugFolders,
    ) -> Option<Dwarf<'a>> {
        let mut dwarf = info.main.dwarf();
        if let Some(supplementary) = &info.supplementary {
            dwarf.set_sup(supplementary.dwarf());
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        let dwarf = Arc::new(dwarf);
        let package = info.package.as_ref().and_then(|package| {
            let empty = EndianSlice::new(&[], package.endian);
            DwarfPackage::load(|id| Ok::<_, gimli::Error>(package.get(id)), empty).ok()
        });
        Some(Dwarf {
            context: Context::from_arc_dwarf(Arc::clone(&dwarf)).ok()?,
            declarations: Declarations::new(dwarf),
            package,
            split_units,
            module,
            folders,
        })
    }

    /// The frames at `address`, as the file has addresses, innermost first. Damaged debug
    /// information gives no frames, or those before the damage.
    pub(super) fn frames(&self, address: u64) -> Vec<DwarfFrame> {
        let mut frames = Vec::new();
        let Ok(mut found) = self.with_split_units(self.context.find_frames(address)) else {
            return frames;
        };
        // The split unit, if there is one, is loaded by now.
        let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
        while let Ok(Some(frame)) = found.next() {
            let declaration = unit.zip(frame.dw_die_offset);
            let location = frame.location.as_ref();
            frames.push(DwarfFrame {
                name: frame.function.map(|f| f.name.to_string_lossy().into_owned()),
                file: location.and_then(|l| l.file).map(str::to_owned),
                line: location.and_then(|l| l.line),
                start_line: declaration.and_then(|(u, offset)| self.declarations.line(u, offset)),
            });
        }
        frames
    }

    /// The result of a lookup, loading the split units that it asks for.
    fn with_split_units<L>(&self, mut lookup: LookupResult<L>) -> L::Output
    where
        L: LookupContinuation<Buf = Slice<'a>>,
    {
        loop {
            lookup = match lookup {
                LookupResult::Output(output) => return output,
                LookupResult::Load { load, continuation } => continuation.resume(self.split_unit(&load)),
            };
        }
    }

    /// The split unit that `load` describes, from the package or from a file of its own.
    fn split_unit(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<gimli::Dwarf<Slice<'a>>>> {
        let packaged = |package: &DwarfPackage<_>| package.find_cu(load.dwo_id, &load.parent).ok()?;
        if let Some(unit) = self.package.as_ref().and_then(packaged) {
            return Some(Arc::new(unit));
        }
        let path = |slice: Option<&Slice<'_>>| {
            slice.map(|slice| PathBuf::from(slice.to_string_lossy().into_owned()))
        };
        let compiled = path(load.comp_dir.as_ref()).unwrap_or_default();
        let candidates = self.folders.split_unit(self.module, &compiled, &path(load.path.as_ref())?);
        candidates.iter().find_map(|path| {
            let sections = Sections::load_split(&Elf::open(path)?);
            let mut dwarf = self.split_units.0.alloc(sections).dwarf();
            // A file made by a later compilation has another id.
            let header = dwarf.units().next().ok()??;
            (dwarf.unit(header).ok()?.dwo_id == Some(load.dwo_id)).then(|| {
                dwarf.make_dwo(&load.parent);
                Arc::new(dwarf)
            })
        })
    }
}
