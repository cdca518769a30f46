//! What entries are in: namespaces, types and functions, whose names are part of the names of what is
//! inside of them.

use gimli::{AttributeValue, DW_AT_language, DwLang, DwTag, UnitOffset, UnitRef};

use super::slice::Slice;

/// The namespaces, types and functions of a unit that others may be inside of.
#[derive(Debug, Default)]
pub(super) struct Containers {
    /// In the order of their entries; none of a unit in another language.
    known: Option<Vec<Container>>,
}

#[derive(Debug)]
struct Container {
    entry: UnitOffset,
    /// Where the entry begins that follows all that is inside.
    end: UnitOffset,
    /// Index of the one that it is inside of itself.
    outer: Option<usize>,
}

impl Containers {
    /// Finds those of `unit`; those behind damage are not there.
    pub(super) fn read(unit: UnitRef<'_, Slice>) -> Containers {
        let read = || {
            let mut containers = Vec::new();
            // Damage ends the reading, which is all that there is to do about it.
            let _ = add_all(unit, &mut containers);
            containers
        };
        Containers { known: has_scopes(unit).then(read) }
    }

    /// Whether the unit is in a language that has them.
    pub(super) fn are_known(&self) -> bool {
        self.known.is_some()
    }

    /// The innermost one that an entry is inside of.
    pub(super) fn around(&self, entry: UnitOffset) -> Option<UnitOffset> {
        let containers = self.known.as_deref()?;
        let before = containers.partition_point(|container| container.entry < entry).checked_sub(1);
        let mut candidates = std::iter::successors(before, |&index| containers[index].outer);
        candidates.find(|&index| entry < containers[index].end).map(|index| containers[index].entry)
    }
}

fn add_all(unit: UnitRef<'_, Slice>, containers: &mut Vec<Container>) -> gimli::Result<()> {
    let mut entries = unit.entries_raw(None)?;
    // Those that the next entry may be inside of, and their depths.
    let mut open: Vec<(isize, usize)> = Vec::new();
    while !entries.is_empty() {
        let (entry, depth) = (entries.next_offset(), entries.next_depth());
        while let Some((_, closed)) = open.pop_if(|(outer, _)| *outer >= depth) {
            containers[closed].end = entry;
        }
        let Some(kind) = entries.read_abbreviation()? else { continue };
        if kind.has_children() && is_container(kind.tag()) {
            let outer = open.last().map(|&(_, index)| index);
            open.push((depth, containers.len()));
            containers.push(Container { entry, end: UnitOffset(usize::MAX), outer });
        }
        entries.skip_attributes(kind.attributes())?;
    }
    Ok(())
}

fn is_container(tag: DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_namespace
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_subprogram
    )
}

/// Whether functions may have no linkage name and yet be in a scope: so it is in C++. A unit that
/// others share parts of, made by dwz, may not say its language.
fn has_scopes(unit: UnitRef<'_, Slice>) -> bool {
    let root = unit.entry(unit.header.root_offset()).ok();
    let language = root.and_then(|root| root.attr_value(DW_AT_language));
    match language {
        Some(AttributeValue::Language(language)) => is_cpp(language),
        _ => true,
    }
}

fn is_cpp(language: DwLang) -> bool {
    matches!(
        language,
        gimli::DW_LANG_C_plus_plus
            | gimli::DW_LANG_C_plus_plus_03
            | gimli::DW_LANG_C_plus_plus_11
            | gimli::DW_LANG_C_plus_plus_14
            | gimli::DW_LANG_C_plus_plus_17
            | gimli::DW_LANG_C_plus_plus_20
    )
}
