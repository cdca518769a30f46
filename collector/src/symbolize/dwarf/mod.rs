//! Debug information in DWARF: which functions and lines an address stands for.
//!
//! Everything is read when the first address needs it, by whichever thread that is, and shared: the
//! bytes of sections too.
//! What cannot be read is treated as absent. Nothing recurses, and nothing takes longer than in
//! proportion to the file, but for what the deadline is for: units that share their abbreviations
//! or line tables.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gimli::{DwarfPackage, UnitRef};

use super::debug_file::{DebugFile, DebugFolders};
use super::elf::Elf;
use entry::Description;
use lines::Place;
use sections::Sections;
use slice::Slice;
use unit::{SplitUnit, Unit};
use units::{UnitIndex, Units};

mod containers;
mod entry;
mod functions;
mod lines;
mod ranges;
mod section;
mod sections;
mod slice;
mod unit;
mod units;

/// The debug information of a module, in memory as far as it was needed.
#[derive(Debug)]
pub(super) struct DebugInfo {
    main: Units,
    /// Of the units that the file has a list of.
    listed: UnitIndex,
    /// Of all units, read when an address is in none that is listed.
    index: OnceLock<UnitIndex>,
    supplementary: Option<Units>,
    package: Option<DwarfPackage<Slice>>,
    module: PathBuf,
    folders: Arc<DebugFolders>,
    /// What its sections take of memory, in bytes.
    size: Arc<AtomicUsize>,
}

/// A frame as DWARF describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DwarfFrame {
    /// The linkage name, or if there is none the name in the source.
    pub(super) name: Option<String>,
    /// The name in the source with its scopes, where it tells more.
    pub(super) source_name: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    /// Where the function is declared, if that is in `file`: an #include in a function, and #line as
    /// flex and bison write it, give it lines of other files.
    pub(super) start_line: Option<u64>,
}

impl DwarfFrame {
    fn new(function: Description, place: Place) -> DwarfFrame {
        let Place { file, line } = function.declaration;
        let is_elsewhere = file.is_some() && place.file.is_some() && file != place.file;
        DwarfFrame {
            name: function.name,
            source_name: function.source_name,
            file: place.file,
            line: place.line,
            start_line: line.filter(|_| !is_elsewhere),
        }
    }

    fn unnamed(place: Place) -> DwarfFrame {
        DwarfFrame::new(Description::default(), place)
    }
}

impl DebugInfo {
    /// Reads the debug information in `file`, if there is any, and what it refers to.
    pub(super) fn load(file: &DebugFile, module: &Path, folders: &Arc<DebugFolders>) -> Option<DebugInfo> {
        if !file.elf.has_dwarf() {
            return None;
        }
        let size = Arc::default();
        let mut dwarf = Sections::of(&file.elf, &size).whole();
        let supplementary =
            folders.supplementary(file).map(|elf| Units::new(Sections::of(&elf, &size).whole()));
        dwarf.sup = supplementary.as_ref().map(|units| Arc::clone(units.dwarf()));
        let package = folders.package(module, file).and_then(|elf| Sections::of(&elf, &size).package());
        let main = Units::new(dwarf);
        Some(DebugInfo {
            listed: UnitIndex::of_list(&main),
            index: OnceLock::new(),
            main,
            supplementary,
            package,
            module: module.to_owned(),
            folders: Arc::clone(folders),
            size,
        })
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The frames at `address`, as the file has addresses, innermost first. Units that are not
    /// indexed by the deadline are left out.
    pub(super) fn frames(&self, address: u64, deadline: Instant) -> Vec<DwarfFrame> {
        let all = || self.index.get_or_init(|| UnitIndex::of_units(&self.main, deadline));
        self.find(&self.listed, address).or_else(|| self.find(all(), address)).unwrap_or_default()
    }

    /// What the first unit says that knows the address.
    fn find(&self, index: &UnitIndex, address: u64) -> Option<Vec<DwarfFrame>> {
        let mut frames = index.find(address).filter_map(|offset| {
            let found = self.main.at(offset)?;
            let unit = self.main.parsed(&found)?;
            let known = found.known.get_or_init(|| Unit::read(unit, self.split_unit(unit)));
            Some(known.frames(unit, &found.containers, &self.main, self.supplementary.as_ref(), address))
        });
        frames.find(|frames| !frames.is_empty())
    }

    /// The unit with the functions of `skeleton`, from the package or from a file of its own.
    fn split_unit(&self, skeleton: UnitRef<'_, Slice>) -> Option<SplitUnit> {
        let id = skeleton.dwo_id?;
        let packaged = self.package.as_ref().and_then(|package| package.find_cu(id, skeleton.dwarf).ok()?);
        let packaged = packaged.and_then(|dwarf| SplitUnit::first_of(dwarf, skeleton));
        packaged.or_else(|| {
            let name = skeleton.attr_string(skeleton.dwo_name().ok()??).ok()?;
            let compiled = skeleton.comp_dir.as_ref().and_then(Slice::text).unwrap_or_default();
            let paths = self.folders.split_unit(&self.module, Path::new(&compiled), Path::new(&name.text()?));
            paths.iter().find_map(|path| {
                let size = Arc::default();
                let mut dwarf = Sections::of(&Elf::open(path)?, &size).split();
                dwarf.make_dwo(skeleton.dwarf);
                // A file made by a later compilation has another id.
                let split = SplitUnit::first_of(dwarf, skeleton).filter(|it| it.unit.dwo_id == Some(id))?;
                self.size.fetch_add(size.load(Ordering::Relaxed), Ordering::Relaxed);
                Some(split)
            })
        })
    }
}
