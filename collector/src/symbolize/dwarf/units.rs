//! The units of a file.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gimli::{DebugInfoOffset, Dwarf, Range, UnitHeader, UnitOffset, UnitRef, UnitType};

use super::lines::Lines;
use super::ranges::Ranges;
use super::sections::Slice;

/// How many units are tried for one address. Units overlap where their ranges are not exact, and
/// where the linker kept one copy of a function that several have.
const CANDIDATE_LIMIT: usize = 64;

/// The units of a file, each read when it is first needed.
#[derive(Debug)]
pub(super) struct Units {
    dwarf: Arc<Dwarf<Slice>>,
    /// In the order of their offsets.
    headers: Vec<UnitHeader<Slice>>,
    parsed: Vec<OnceLock<Option<gimli::Unit<Slice>>>>,
}

impl Units {
    /// Finds the units of a file, as far as it is not damaged.
    pub(super) fn new(dwarf: Dwarf<Slice>) -> Units {
        let mut units = dwarf.units();
        let headers: Vec<_> = std::iter::from_fn(|| units.next().ok().flatten()).collect();
        let parsed = headers.iter().map(|_| OnceLock::new()).collect();
        Units { dwarf: Arc::new(dwarf), headers, parsed }
    }

    pub(super) fn dwarf(&self) -> &Arc<Dwarf<Slice>> {
        &self.dwarf
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.headers.len()
    }

    /// The unit with an index below [`Units::count`].
    pub(super) fn get(&self, index: usize) -> Option<UnitRef<'_, Slice>> {
        Some(UnitRef::new(&self.dwarf, self.unit(index)?))
    }

    fn unit(&self, index: usize) -> Option<&gimli::Unit<Slice>> {
        self.parsed.get(index)?.get_or_init(|| self.dwarf.unit(self.headers[index].clone()).ok()).as_ref()
    }

    /// The index of the unit that contains an offset in `.debug_info`.
    fn index_of(&self, offset: DebugInfoOffset) -> Option<usize> {
        let after = self.headers.partition_point(|header| header.debug_info_offset() <= Some(offset));
        after.checked_sub(1)
    }

    /// The unit that contains an offset in `.debug_info`, and the offset within it.
    pub(super) fn locate(&self, offset: DebugInfoOffset) -> Option<(&gimli::Unit<Slice>, UnitOffset)> {
        let index = self.index_of(offset)?;
        Some((self.unit(index)?, offset.to_unit_offset(&self.headers[index])?))
    }
}

/// Which units may know about an address.
#[derive(Debug, Default)]
pub(super) struct UnitIndex {
    /// Ranges and indexes of their units, sorted.
    ranges: Vec<(Range, usize)>,
    /// The highest end of all ranges up to each.
    ends: Vec<u64>,
}

impl UnitIndex {
    /// Reads the list of ranges that gcc makes (`.debug_aranges`). It is found quickly, but other
    /// compilers leave their units out of it.
    pub(super) fn of_list(units: &Units) -> UnitIndex {
        let mut ranges = Vec::new();
        for set in units.dwarf.debug_aranges.headers().map_while(Result::ok) {
            let Some(unit) = units.index_of(set.debug_info_offset()) else { continue };
            // What linkers remove they put at 0, where no code is.
            let entries = set.entries().map_while(Result::ok).map(|entry| entry.range());
            ranges.extend(entries.filter(|range| range.begin > 0).map(|range| (range, unit)));
        }
        UnitIndex::new(ranges)
    }

    /// Reads the ranges of all units, as far as it gets before the deadline.
    pub(super) fn of_units(units: &Units, deadline: Instant) -> UnitIndex {
        let mut ranges = Vec::new();
        let mut reader = Ranges::within(&units.dwarf);
        for (number, header) in units.headers.iter().enumerate() {
            if Instant::now() > deadline {
                break;
            }
            // The other kinds hold types, or parts that units share.
            if matches!(header.type_(), UnitType::Compilation | UnitType::Skeleton(_))
                && let Ok(unit) = units.dwarf.unit(header.clone())
            {
                let found = unit_ranges(UnitRef::new(&units.dwarf, &unit), &mut reader);
                ranges.extend(found.into_iter().map(|range| (range, number)));
            }
        }
        UnitIndex::new(ranges)
    }

    fn new(mut ranges: Vec<(Range, usize)>) -> UnitIndex {
        ranges.sort_by_key(|(range, _)| range.begin);
        let mut ends: Vec<_> = ranges.iter().map(|(range, _)| range.end).collect();
        for i in 1..ends.len() {
            ends[i] = ends[i].max(ends[i - 1]);
        }
        UnitIndex { ranges, ends }
    }

    /// Indexes of the units with a range around `address`, the nearest ones first.
    pub(super) fn find(&self, address: u64) -> impl Iterator<Item = usize> {
        let after = self.ranges.partition_point(|(range, _)| range.begin <= address);
        let before = self.ranges[..after].iter().zip(&self.ends).rev();
        before
            .take_while(move |(_, end)| address < **end)
            .filter(move |((range, _), _)| address < range.end)
            .map(|((_, unit), _)| *unit)
            .take(CANDIDATE_LIMIT)
    }
}

/// The ranges that a unit claims; where it claims none, those of its line table.
fn unit_ranges(unit: UnitRef<'_, Slice>, reader: &mut Ranges) -> Vec<Range> {
    let claimed = unit.entry(unit.header.root_offset()).map(|root| reader.of(unit, root.attrs()));
    match claimed {
        Ok(ranges) if !ranges.is_empty() => ranges,
        _ => Lines::read(unit).ranges().collect(),
    }
}
