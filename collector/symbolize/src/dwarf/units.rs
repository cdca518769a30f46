//! The units of a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use gimli::{
    Abbreviations, DebugAbbrevOffset, DebugInfoOffset, DebugInfoUnitHeadersIter, Dwarf, UnitHeader,
    UnitOffset, UnitRef,
};
use hashbrown::HashMap;

use super::containers::Containers;
use super::slice::Slice;
use crate::lock::lock;

/// The units of a file, each found and read when it is first needed.
#[derive(Debug)]
pub(super) struct Units {
    dwarf: Arc<Dwarf<Slice>>,
    found: Mutex<Found>,
    /// Those that units have, which may share them, by their offsets in `.debug_abbrev`.
    abbreviations: Mutex<HashMap<DebugAbbrevOffset, Weak<Abbreviations>>>,
}

/// The units that were found.
#[derive(Debug)]
struct Found {
    /// By their offsets in `.debug_info`.
    units: BTreeMap<usize, Arc<FoundUnit>>,
    /// Goes on from unit to unit where the last search ended.
    search: DebugInfoUnitHeadersIter<Slice>,
}

/// A unit, and what was read of it.
#[derive(Debug)]
pub(super) struct FoundUnit {
    header: UnitHeader<Slice>,
    parsed: OnceLock<Option<gimli::Unit<Slice>>>,
    /// What is in what.
    pub(super) containers: OnceLock<Containers>,
}

impl Units {
    /// Those of a file, of which nothing is read yet.
    pub(super) fn new(dwarf: Dwarf<Slice>) -> Units {
        let found = Found { units: BTreeMap::new(), search: dwarf.units() };
        Units { dwarf: Arc::new(dwarf), found: Mutex::new(found), abbreviations: Mutex::default() }
    }

    pub(super) fn dwarf(&self) -> &Arc<Dwarf<Slice>> {
        &self.dwarf
    }

    /// The unit that begins at an offset in `.debug_info`.
    pub(super) fn at(&self, offset: DebugInfoOffset) -> Option<Arc<FoundUnit>> {
        let mut found = lock(&self.found);
        let known = found.units.get(&offset.0).cloned();
        known.or_else(|| found.add(self.dwarf.debug_info.header_from_offset(offset).ok()?))
    }

    /// The unit that contains an offset in `.debug_info`, and the offset within it.
    pub(super) fn locate(&self, offset: DebugInfoOffset) -> Option<(Arc<FoundUnit>, UnitOffset)> {
        let mut found = lock(&self.found);
        loop {
            if let Some(unit) = found.around(offset) {
                let within = offset.to_unit_offset(&unit.header)?;
                return Some((unit, within));
            }
            let next = found.search.next().ok()??;
            found.add(next);
        }
    }

    /// `unit` with its abbreviations and its root entry, unless they are damaged.
    pub(super) fn parsed<'a>(&'a self, unit: &'a FoundUnit) -> Option<UnitRef<'a, Slice>> {
        let parsed = unit.parsed.get_or_init(|| self.parse(unit.header.clone()).ok());
        Some(UnitRef::new(&self.dwarf, parsed.as_ref()?))
    }

    /// A unit with its abbreviations and its root entry, which is not kept.
    pub(super) fn parse(&self, header: UnitHeader<Slice>) -> gimli::Result<gimli::Unit<Slice>> {
        let abbreviations = self.abbreviations(header.debug_abbrev_offset())?;
        gimli::Unit::new_with_abbreviations(&self.dwarf, header, abbreviations)
    }

    /// The abbreviations at an offset, which are kept as long as a unit has them.
    fn abbreviations(&self, offset: DebugAbbrevOffset) -> gimli::Result<Arc<Abbreviations>> {
        if let Some(known) = lock(&self.abbreviations).get(&offset).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let new = Arc::new(self.dwarf.debug_abbrev.abbreviations(offset)?);
        lock(&self.abbreviations).insert(offset, Arc::downgrade(&new));
        Ok(new)
    }
}

impl Found {
    /// Adds a unit, unless it overlaps with another: those of a sound file do not, and others would
    /// have the same bytes read over and over.
    fn add(&mut self, header: UnitHeader<Slice>) -> Option<Arc<FoundUnit>> {
        let start = header.debug_info_offset()?.0;
        let end = start + header.length_including_self();
        match self.units.range(..end).next_back() {
            Some((_, last)) if last.end() > start => None,
            _ => {
                let unit = FoundUnit { header, parsed: OnceLock::new(), containers: OnceLock::new() };
                Some(Arc::clone(self.units.entry(start).or_insert(Arc::new(unit))))
            }
        }
    }

    /// The unit around an offset.
    fn around(&self, offset: DebugInfoOffset) -> Option<Arc<FoundUnit>> {
        let (_, unit) = self.units.range(..=offset.0).next_back()?;
        (offset.0 < unit.end()).then(|| Arc::clone(unit))
    }
}

impl FoundUnit {
    /// The offset in `.debug_info` where the next one begins.
    fn end(&self) -> usize {
        let start = self.header.debug_info_offset().map_or(0, |offset| offset.0);
        start + self.header.length_including_self()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use gimli::{RunTimeEndian, SectionId};

    use super::super::section::Section;
    use super::super::section::tests::{plain, section};
    use super::*;

    /// The units whose headers are in `info`.
    fn units(info: &[u8]) -> Units {
        let Ok(dwarf) = Dwarf::load(|id| {
            let is_info = id == SectionId::DebugInfo;
            let empty = || Section::empty(RunTimeEndian::Little);
            Ok::<_, Infallible>(Slice::new(if is_info { section(&plain(info.to_vec())) } else { empty() }))
        });
        Units::new(dwarf)
    }

    /// A unit of DWARF 4 with `size` bytes after its header of 11.
    fn unit(size: u8) -> Vec<u8> {
        let mut unit = vec![7 + size, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8];
        unit.extend(vec![0; size.into()]);
        unit
    }

    #[test]
    fn a_unit_is_found_by_an_offset_in_it() {
        let units = units(&[unit(10), unit(20), unit(30)].concat());
        let (second, within) = units.locate(DebugInfoOffset(21 + 15)).unwrap();
        assert_eq!((second.header.debug_info_offset(), within), (Some(DebugInfoOffset(21)), UnitOffset(15)));
        assert!(Arc::ptr_eq(&second, &units.at(DebugInfoOffset(21)).unwrap()));
        assert!(units.locate(DebugInfoOffset(1000)).is_none());
    }

    #[test]
    fn a_unit_within_another_is_none() {
        let mut outer = unit(100);
        outer[50..61].copy_from_slice(&unit(0));
        let units = units(&outer);
        assert!(units.at(DebugInfoOffset(0)).is_some());
        assert!(units.at(DebugInfoOffset(50)).is_none());
    }
}
