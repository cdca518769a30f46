//! The functions of a unit, and the calls that were inlined into them.

use std::sync::OnceLock;

use gimli::{
    Attribute, AttributeValue, DW_TAG_inlined_subroutine, DW_TAG_subprogram, EntriesRaw, Range, UnitOffset,
    UnitRef,
};

use super::ranges::Ranges;
use super::slice::Slice;

/// How deep inlined calls are followed into one another. Compilers stop far earlier; without a
/// limit each address of a file made for it would have as many frames as the file has bytes.
const INLINE_LIMIT: usize = 512;

/// The functions of a unit by their addresses.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Those that are in no other function, and in no type.
    outer: Table,
    /// All of them, read when an address is in none of the others: which is seldom, and takes long.
    all: OnceLock<Table>,
}

/// Functions by their addresses.
#[derive(Debug, Default)]
struct Table {
    functions: Vec<Subprogram>,
    /// Ranges and indexes into `functions`, sorted.
    ranges: Vec<(Range, usize)>,
    /// Entries were passed over.
    partial: bool,
}

/// A function that was compiled.
#[derive(Debug)]
pub(super) struct Subprogram {
    /// Its entry.
    pub(super) entry: UnitOffset,
    inlined: OnceLock<Inlined>,
}

/// The calls that were inlined into a function, directly or into one another.
#[derive(Debug, Default)]
struct Inlined {
    calls: Vec<InlinedCall>,
    /// How many other calls each is inside of, where it is, and its index in `calls`; sorted.
    ranges: Vec<(usize, Range, usize)>,
}

/// An inlined call.
#[derive(Debug)]
pub(super) struct InlinedCall {
    /// Its entry, which leads to the function that is called.
    pub(super) entry: UnitOffset,
    /// Index of the caller's file in the unit's line table.
    pub(super) file: Option<u64>,
    /// The line of the call; 0 if unknown.
    pub(super) line: u64,
}

impl Functions {
    /// Finds the functions of `unit`; those behind damage are not there.
    pub(super) fn read(unit: UnitRef<'_, Slice>) -> Functions {
        Functions { outer: Table::read(unit, Pass::Inside), all: OnceLock::new() }
    }

    /// The function at an address; `unit` is the one that they were read of.
    pub(super) fn find(&self, unit: UnitRef<'_, Slice>, address: u64) -> Option<&Subprogram> {
        self.outer.find(address).or_else(|| {
            let all = || Table::read(unit, Pass::Nothing);
            self.outer.partial.then(|| self.all.get_or_init(all))?.find(address)
        })
    }
}

/// What is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// What is inside of functions and types, if the compiler says where it ends. It is most of a
    /// unit: variables, members, calls. Functions are there in languages that nest them.
    Inside,
    Nothing,
}

impl Table {
    fn read(unit: UnitRef<'_, Slice>, pass: Pass) -> Table {
        let mut table = Table::default();
        // Damage ends the reading, which is all that there is to do about it.
        let _ = table.add_all(unit, pass);
        table.ranges.sort_by_key(|(range, _)| range.begin);
        table
    }

    fn add_all(&mut self, unit: UnitRef<'_, Slice>, pass: Pass) -> gimli::Result<()> {
        let mut ranges = Ranges::within(unit.dwarf);
        let mut entries = unit.entries_raw(None)?;
        let mut attributes = Vec::new();
        while !entries.is_empty() {
            let entry = entries.next_offset();
            let Some(kind) = entries.read_abbreviation()? else { continue };
            let is_function = kind.tag() == DW_TAG_subprogram;
            let can_be_passed = pass == Pass::Inside && (is_function || is_type(kind.tag()));
            if !is_function && !can_be_passed {
                entries.skip_attributes(kind.attributes())?;
                continue;
            }
            entries.read_attributes(kind.attributes(), &mut attributes)?;
            if is_function {
                self.add(entry, ranges.of(unit, &attributes));
            }
            // Always forwards, whatever a damaged file says.
            let after = sibling(&attributes).filter(|after| *after > entries.next_offset());
            if let Some(after) = after.filter(|_| can_be_passed) {
                self.partial = true;
                entries = unit.entries_raw(Some(after))?;
            }
        }
        Ok(())
    }

    /// Adds a function, unless it was not compiled.
    fn add(&mut self, entry: UnitOffset, ranges: Vec<Range>) {
        if !ranges.is_empty() {
            self.ranges.extend(ranges.into_iter().map(|range| (range, self.functions.len())));
            self.functions.push(Subprogram { entry, inlined: OnceLock::new() });
        }
    }

    fn find(&self, address: u64) -> Option<&Subprogram> {
        let after = self.ranges.partition_point(|(range, _)| range.begin <= address);
        let (range, index) = self.ranges.get(after.checked_sub(1)?)?;
        (address < range.end).then(|| &self.functions[*index])
    }
}

fn is_type(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_structure_type
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type
            | gimli::DW_TAG_subroutine_type
    )
}

/// The entry that follows all that is inside of the one with these attributes.
fn sibling(attributes: &[Attribute<Slice>]) -> Option<UnitOffset> {
    let attribute = attributes.iter().find(|attribute| attribute.name() == gimli::DW_AT_sibling)?;
    match attribute.value() {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

impl Subprogram {
    /// The inlined calls that the instruction at `address` is in, outermost first; `unit` is the
    /// function's.
    pub(super) fn calls(&self, unit: UnitRef<'_, Slice>, address: u64) -> Vec<&InlinedCall> {
        let inlined = self.inlined.get_or_init(|| Inlined::read(unit, self.entry));
        (0..INLINE_LIMIT).map_while(|depth| inlined.find(depth, address)).collect()
    }
}

impl Inlined {
    fn read(unit: UnitRef<'_, Slice>, function: UnitOffset) -> Inlined {
        let mut inlined = Inlined::default();
        // As with functions: what is behind damage is not there.
        let _ = inlined.add_all(unit, function);
        inlined.ranges.sort_by_key(|&(depth, range, _)| (depth, range.begin));
        inlined
    }

    fn add_all(&mut self, unit: UnitRef<'_, Slice>, function: UnitOffset) -> gimli::Result<()> {
        let mut ranges = Ranges::within(unit.dwarf);
        let mut entries = unit.entries_raw(Some(function))?;
        let mut attributes = Vec::new();
        // Depths, among all entries, of the calls that the next entry is inside of.
        let mut around: Vec<isize> = Vec::new();
        let top = entries.next_depth();
        skip_entry(&mut entries)?;
        while entries.next_depth() > top && !entries.is_empty() {
            let (entry, depth) = (entries.next_offset(), entries.next_depth());
            let Some(kind) = entries.read_abbreviation()? else { continue };
            while around.pop_if(|outer| *outer >= depth).is_some() {}
            if kind.tag() == DW_TAG_inlined_subroutine && around.len() < INLINE_LIMIT {
                entries.read_attributes(kind.attributes(), &mut attributes)?;
                let found = ranges.of(unit, &attributes).into_iter();
                self.ranges.extend(found.map(|range| (around.len(), range, self.calls.len())));
                self.calls.push(InlinedCall::new(entry, unit, &attributes));
                around.push(depth);
                continue;
            }
            entries.skip_attributes(kind.attributes())?;
            if kind.tag() == DW_TAG_subprogram {
                // A function within, with calls of its own.
                while entries.next_depth() > depth && !entries.is_empty() {
                    skip_entry(&mut entries)?;
                }
            }
        }
        Ok(())
    }

    fn find(&self, depth: usize, address: u64) -> Option<&InlinedCall> {
        let after = self.ranges.partition_point(|&(d, range, _)| (d, range.begin) <= (depth, address));
        let &(found, range, index) = self.ranges.get(after.checked_sub(1)?)?;
        (found == depth && address < range.end).then(|| &self.calls[index])
    }
}

fn skip_entry(entries: &mut EntriesRaw<'_, Slice>) -> gimli::Result<()> {
    match entries.read_abbreviation()? {
        Some(kind) => entries.skip_attributes(kind.attributes()),
        None => Ok(()),
    }
}

impl InlinedCall {
    fn new(entry: UnitOffset, unit: UnitRef<'_, Slice>, attributes: &[Attribute<Slice>]) -> InlinedCall {
        let mut call = InlinedCall { entry, file: None, line: 0 };
        for attribute in attributes {
            match attribute.name() {
                gimli::DW_AT_call_file => {
                    // Before DWARF 5 files were counted from 1.
                    let is_file = |&file: &u64| file > 0 || unit.header.version() >= 5;
                    let AttributeValue::FileIndex(file) = attribute.value() else { continue };
                    call.file = Some(file).filter(is_file);
                }
                gimli::DW_AT_call_line => call.line = attribute.udata_value().unwrap_or(0),
                _ => {}
            }
        }
        call
    }
}
