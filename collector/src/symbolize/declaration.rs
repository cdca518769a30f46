//! On which line a function is declared: the DWARF attribute `DW_AT_decl_line`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use addr2line::gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_decl_line, DW_AT_specification, DebugInfoOffset, Dwarf,
    DwarfFileType, Unit, UnitHeader, UnitOffset, UnitRef,
};

use super::dwarf::Slice;

/// How many references are followed from an entry to the one with the line. Compilers need two
/// or three: inlined call, abstract instance, declaration in the class.
const REFERENCE_LIMIT: usize = 16;

/// Finds the lines of functions' declarations.
pub(super) struct Declarations<'a> {
    main: Units<'a>,
    /// The units of the supplementary file.
    supplementary: Option<Units<'a>>,
}

impl<'a> Declarations<'a> {
    pub(super) fn new(dwarf: Arc<Dwarf<Slice<'a>>>) -> Declarations<'a> {
        let supplementary = dwarf.sup.clone().map(Units::new);
        Declarations { main: Units::new(dwarf), supplementary }
    }

    /// The line, counted from 1, of the function whose entry is at `offset` of `unit`.
    pub(super) fn line(&self, unit: UnitRef<'_, Slice<'a>>, offset: UnitOffset) -> Option<u64> {
        // A split unit is alone in its file.
        let units = (unit.dwarf.file_type == DwarfFileType::Main).then_some(&self.main);
        self.follow(units, unit.unit, offset, REFERENCE_LIMIT)
    }

    /// The line in the entry or in the one it refers to; `units` are those of the unit's file.
    fn follow(
        &self,
        units: Option<&Units<'a>>,
        unit: &Unit<Slice<'a>>,
        offset: UnitOffset,
        limit: usize,
    ) -> Option<u64> {
        let limit = limit.checked_sub(1)?;
        let entry = unit.entry(offset).ok()?;
        if let Some(line) = entry.attr_value(DW_AT_decl_line) {
            return line.udata_value();
        }
        let (units, offset) = match entry
            .attr_value(DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(DW_AT_specification))?
        {
            AttributeValue::UnitRef(offset) => return self.follow(units, unit, offset, limit),
            AttributeValue::DebugInfoRef(offset) => (units?, offset),
            AttributeValue::DebugInfoRefSup(offset) => (self.supplementary.as_ref()?, offset),
            _ => return None,
        };
        let (unit, offset) = units.locate(offset)?;
        self.follow(Some(units), &unit, offset, limit)
    }
}

/// The units of one file, parsed when first needed.
struct Units<'a> {
    dwarf: Arc<Dwarf<Slice<'a>>>,
    /// In the order of their offsets.
    headers: OnceCell<Vec<UnitHeader<Slice<'a>>>>,
    /// By their index in `headers`.
    parsed: RefCell<HashMap<usize, Option<Rc<Unit<Slice<'a>>>>>>,
}

impl<'a> Units<'a> {
    fn new(dwarf: Arc<Dwarf<Slice<'a>>>) -> Units<'a> {
        Units { dwarf, headers: OnceCell::new(), parsed: RefCell::default() }
    }

    /// The unit that contains an offset in `.debug_info`, and the offset within it.
    fn locate(&self, offset: DebugInfoOffset) -> Option<(Rc<Unit<Slice<'a>>>, UnitOffset)> {
        let headers = self.headers.get_or_init(|| self.read_headers());
        let after = headers.partition_point(|header| header.debug_info_offset() <= Some(offset));
        let index = after.checked_sub(1)?;
        let header = headers.get(index)?;
        let mut parsed = self.parsed.borrow_mut();
        let unit = parsed.entry(index).or_insert_with(|| self.dwarf.unit(*header).ok().map(Rc::new));
        Some((unit.clone()?, offset.to_unit_offset(header)?))
    }

    fn read_headers(&self) -> Vec<UnitHeader<Slice<'a>>> {
        let mut units = self.dwarf.units();
        std::iter::from_fn(|| units.next().ok().flatten()).collect()
    }
}
