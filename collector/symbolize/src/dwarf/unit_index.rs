//! Which units may know about an address.

use std::time::Instant;

use gimli::{DebugInfoOffset, Range, UnitRef, UnitType};

use super::lines::Lines;
use super::ranges::Ranges;
use super::slice::Slice;
use super::units::Units;

/// How many units are tried for one address. Units overlap where their ranges are not exact, and
/// where the linker kept one copy of a function that several have.
const CANDIDATE_LIMIT: usize = 64;

/// The units by their ranges of addresses.
#[derive(Debug, Default)]
pub(super) struct UnitIndex {
    /// Ranges and their units, sorted.
    ranges: Vec<(Range, DebugInfoOffset)>,
    /// The highest end of all ranges up to each.
    ends: Vec<u64>,
}

impl UnitIndex {
    /// Reads the list of ranges that gcc makes (`.debug_aranges`). It is found quickly, but other
    /// compilers leave their units out of it.
    pub(super) fn of_list(units: &Units) -> UnitIndex {
        let mut ranges = Vec::new();
        for set in units.dwarf().debug_aranges.headers().map_while(Result::ok) {
            let unit = set.debug_info_offset();
            // What linkers remove they put at 0, where no code is.
            let entries = set.entries().map_while(Result::ok).map(|entry| entry.range());
            ranges.extend(entries.filter(|range| range.begin > 0).map(|range| (range, unit)));
        }
        UnitIndex::new(ranges)
    }

    /// Reads the ranges of all units, as far as it gets before the deadline.
    pub(super) fn of_units(units: &Units, deadline: Instant) -> UnitIndex {
        let mut ranges = Vec::new();
        let mut reader = Ranges::within(units.dwarf());
        let mut headers = units.dwarf().units();
        // Neighbours tend to share their abbreviations, which are kept as long as a unit has them.
        let mut _previous;
        while let Ok(Some(header)) = headers.next()
            && Instant::now() < deadline
        {
            // The other kinds hold types, or parts that units share.
            if matches!(header.type_(), UnitType::Compilation | UnitType::Skeleton(_))
                && let Some(offset) = header.debug_info_offset()
                && let Ok(unit) = units.parse(header)
            {
                let found = unit_ranges(UnitRef::new(units.dwarf(), &unit), &mut reader);
                ranges.extend(found.into_iter().map(|range| (range, offset)));
                _previous = unit;
            }
        }
        UnitIndex::new(ranges)
    }

    fn new(mut ranges: Vec<(Range, DebugInfoOffset)>) -> UnitIndex {
        ranges.sort_by_key(|(range, _)| range.begin);
        let mut ends: Vec<_> = ranges.iter().map(|(range, _)| range.end).collect();
        for i in 1..ends.len() {
            ends[i] = ends[i].max(ends[i - 1]);
        }
        UnitIndex { ranges, ends }
    }

    /// The units with a range around `address`, the nearest ones first.
    pub(super) fn find(&self, address: u64) -> impl Iterator<Item = DebugInfoOffset> {
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
