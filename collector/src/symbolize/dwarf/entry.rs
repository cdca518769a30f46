//! What an entry says of a function: its name, and the line of its declaration.

use gimli::{
    AttributeValue, DW_AT_MIPS_linkage_name, DW_AT_abstract_origin, DW_AT_decl_line, DW_AT_linkage_name,
    DW_AT_name, DW_AT_specification, DebuggingInformationEntry, Reader, UnitOffset, UnitRef,
};

use super::slice::Slice;
use super::units::Units;
use crate::symbolize::elf::TEXT_LIMIT;

/// How many references are followed from an entry to the one with the name. Compilers need two
/// or three: inlined call, abstract instance, declaration in the class.
const REFERENCE_LIMIT: usize = 16;

/// A function as its entries describe it.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// The linkage name, or if there is none the name in the source.
    pub(super) name: Option<String>,
    /// The line of the declaration, from 1.
    pub(super) line: Option<u64>,
}

/// A unit, and where references in it lead.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) unit: UnitRef<'a, Slice>,
    /// The units of its file. A split unit is alone in its file.
    pub(super) units: Option<&'a Units>,
    /// The units of the file that several share, made by dwz.
    pub(super) supplementary: Option<&'a Units>,
}

impl Scope<'_> {
    /// The function of an entry of the unit, or of the one that it refers to.
    pub(super) fn describe(self, entry: UnitOffset) -> Description {
        let mut description = Description::default();
        self.follow(entry, REFERENCE_LIMIT, &mut description);
        description
    }

    /// Adds what is not known yet. Returns what no caller needs, for the sake of `?`.
    fn follow(self, entry: UnitOffset, limit: usize, known: &mut Description) -> Option<()> {
        let limit = limit.checked_sub(1)?;
        let entry = self.unit.entry(entry).ok()?;
        if known.name.is_none() {
            known.name = self.name(&entry);
        }
        if known.line.is_none() {
            known.line = entry.attr_value(DW_AT_decl_line).and_then(|line| line.udata_value());
        }
        if known.name.is_some() && known.line.is_some() {
            return None;
        }
        let reference =
            entry.attr_value(DW_AT_abstract_origin).or_else(|| entry.attr_value(DW_AT_specification))?;
        let (units, offset) = match reference {
            AttributeValue::UnitRef(offset) => return self.follow(offset, limit, known),
            AttributeValue::DebugInfoRef(offset) => (self.units?, offset),
            AttributeValue::DebugInfoRefSup(offset) => (self.supplementary?, offset),
            _ => return None,
        };
        let (unit, offset) = units.locate(offset)?;
        let unit = units.parsed(&unit)?;
        Scope { unit, units: Some(units), ..self }.follow(offset, limit, known)
    }

    fn name(self, entry: &DebuggingInformationEntry<Slice>) -> Option<String> {
        [DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name].into_iter().find_map(|name| {
            let value = self.unit.attr_string(entry.attr_value(name)?).ok()?;
            text(&value)
        })
    }
}

/// A string, unless it is longer than any that means something.
pub(super) fn text(slice: &Slice) -> Option<String> {
    (slice.len() <= TEXT_LIMIT).then(|| slice.to_string_lossy().ok().map(|text| text.into_owned()))?
}
