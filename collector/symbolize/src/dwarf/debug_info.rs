//! The debug information of a module.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use gimli::{DebugInfoOffset, DwarfPackage, UnitRef};
use hashbrown::HashMap;

use super::frame::DwarfFrame;
use super::sections::Sections;
use super::slice::Slice;
use super::unit::{SplitUnit, Unit};
use super::unit_index::UnitIndex;
use super::units::Units;
use crate::debug_file::{DebugFile, DebugFolders};
use crate::elf::Elf;
use crate::lock::lock;

/// The debug information of a module, in memory as far as it was needed.
#[derive(Debug)]
pub(crate) struct DebugInfo {
    main: Units,
    /// Of the units that the file has a list of.
    listed: UnitIndex,
    /// Of all units, read when an address is in none that is listed.
    index: OnceLock<UnitIndex>,
    /// The functions and lines of the units that were needed, by the units' offsets.
    known: Mutex<HashMap<DebugInfoOffset, Arc<OnceLock<Unit>>>>,
    supplementary: Option<Units>,
    package: Option<DwarfPackage<Slice>>,
    module: PathBuf,
    folders: Arc<DebugFolders>,
    /// What its sections take of memory, in bytes.
    size: Arc<AtomicUsize>,
}

impl DebugInfo {
    /// Reads the debug information in `file`, if there is any, and what it refers to.
    pub(crate) fn load(file: &DebugFile, module: &Path, folders: &Arc<DebugFolders>) -> Option<DebugInfo> {
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
            known: Mutex::default(),
            main,
            supplementary,
            package,
            module: module.to_owned(),
            folders: Arc::clone(folders),
            size,
        })
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// The frames at `address`, as the file has addresses, innermost first. Units that are not
    /// indexed by the deadline are left out.
    pub(crate) fn frames(&self, address: u64, deadline: Instant) -> Vec<DwarfFrame> {
        let all = || self.index.get_or_init(|| UnitIndex::of_units(&self.main, deadline));
        self.find(&self.listed, address).or_else(|| self.find(all(), address)).unwrap_or_default()
    }

    /// What the first unit says that knows the address.
    fn find(&self, index: &UnitIndex, address: u64) -> Option<Vec<DwarfFrame>> {
        let mut frames = index.find(address).filter_map(|offset| {
            let found = self.main.at(offset)?;
            let unit = self.main.parsed(&found)?;
            let known = Arc::clone(lock(&self.known).entry(offset).or_default());
            let known = known.get_or_init(|| Unit::read(unit, self.split_unit(unit)));
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
