//! Address ranges of units, functions and inlined calls.

use gimli::{Attribute, Range, RngListIter, Section, UnitRef};

use super::slice::Slice;

/// Reads ranges, but not more of them than there are bytes to hold them: entries that share long
/// lists would take time and memory that grow with the square of the file.
pub(super) struct Ranges {
    /// The sections with lists.
    lists: [Slice; 2],
    read: usize,
}

impl Ranges {
    /// For all the entries of a unit, or of all units.
    pub(super) fn within(dwarf: &gimli::Dwarf<Slice>) -> Ranges {
        let ranges = &dwarf.ranges;
        let lists = [ranges.debug_ranges().reader().clone(), ranges.debug_rnglists().reader().clone()];
        Ranges { lists, read: 0 }
    }

    /// The ranges in the attributes of an entry. Empty ones are left out, and so are those that end
    /// beyond the last address: linkers mark removed code with −1.
    pub(super) fn of(&mut self, unit: UnitRef<'_, Slice>, attributes: &[Attribute<Slice>]) -> Vec<Range> {
        let mut ranges = self.read(unit, attributes).unwrap_or_default();
        ranges.retain(|range| range.begin < range.end);
        ranges
    }

    fn read(
        &mut self,
        unit: UnitRef<'_, Slice>,
        attributes: &[Attribute<Slice>],
    ) -> gimli::Result<Vec<Range>> {
        let (mut begin, mut end, mut size) = (None, None, None);
        for attribute in attributes {
            let value = attribute.value();
            match attribute.name() {
                gimli::DW_AT_ranges => {
                    if let Some(list) = unit.attr_ranges(value)? {
                        return Ok(self.list(list));
                    }
                }
                gimli::DW_AT_low_pc => begin = unit.attr_address(value)?,
                gimli::DW_AT_high_pc => match value.udata_value() {
                    None => end = unit.attr_address(value)?,
                    known => size = known,
                },
                _ => {}
            }
        }
        let range = begin.and_then(|begin| {
            let end = end.or_else(|| size.map(|size| begin.wrapping_add(size)))?;
            Some(Range { begin, end })
        });
        Ok(range.into_iter().collect())
    }

    fn list(&mut self, mut list: RngListIter<Slice>) -> Vec<Range> {
        let next = || {
            let range = list.next().ok().flatten()?;
            self.read += 1;
            // Bytes that a section only claims to have do not count.
            let bytes: usize = self.lists.iter().map(Slice::section_loaded).sum();
            (self.read <= bytes).then_some(range)
        };
        std::iter::from_fn(next).collect()
    }
}
