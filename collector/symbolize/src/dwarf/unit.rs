//! What is known of one unit: its functions and lines.

use std::sync::OnceLock;

use gimli::{Dwarf, UnitRef};

use super::containers::Containers;
use super::entry::Scope;
use super::frame::DwarfFrame;
use super::functions::Functions;
use super::lines::{self, Lines, SourceLocation};
use super::slice::Slice;
use super::units::Units;

/// A unit whose functions and lines have been read.
#[derive(Debug)]
pub(super) struct Unit {
    /// The split unit, if the functions are not in the unit itself.
    split: Option<SplitUnit>,
    functions: Functions,
    lines: Lines,
}

/// A unit with its functions in a file of its own, `.dwo`, or in a package of them.
#[derive(Debug)]
pub(super) struct SplitUnit {
    dwarf: Dwarf<Slice>,
    pub(super) unit: gimli::Unit<Slice>,
    containers: OnceLock<Containers>,
}

impl Unit {
    /// Reads the functions of `unit`, or of its split unit, and the lines, which it has in any case.
    pub(super) fn read(unit: UnitRef<'_, Slice>, split: Option<SplitUnit>) -> Unit {
        let functions = Functions::read(split.as_ref().map_or(unit, SplitUnit::as_ref));
        Unit { split, functions, lines: Lines::read(unit) }
    }

    /// The frames at an address, innermost first; none if the unit does not know the address.
    /// `unit` is the one that was read, of the file with `units`.
    pub(super) fn frames(
        &self,
        unit: UnitRef<'_, Slice>,
        containers: &OnceLock<Containers>,
        units: &Units,
        supplementary: Option<&Units>,
        address: u64,
    ) -> Vec<DwarfFrame> {
        let location = self.lines.find(unit, address);
        let scope = match &self.split {
            Some(split) => {
                let (containers, units) = (&split.containers, None);
                Scope { unit: split.as_ref(), files: unit, containers, units, supplementary }
            }
            None => Scope { unit, files: unit, containers, units: Some(units), supplementary },
        };
        let Some(function) = self.functions.find(scope.unit, address) else {
            return location.map(DwarfFrame::unnamed).into_iter().collect();
        };
        let calls = function.calls(scope.unit, address);
        // A call is a place in its caller.
        let locations = calls.iter().map(|call| SourceLocation {
            file: call.file.and_then(|file| lines::file(unit, file)),
            line: Some(call.line).filter(|&line| line > 0),
        });
        let entries = [function.entry].into_iter().chain(calls.iter().map(|call| call.entry));
        let locations = locations.chain([location.unwrap_or_default()]);
        let frames =
            entries.zip(locations).map(|(entry, location)| DwarfFrame::new(scope.describe(entry), location));
        let mut frames: Vec<_> = frames.collect();
        frames.reverse();
        frames
    }
}

impl SplitUnit {
    /// The unit that a file or a part of a package has.
    pub(super) fn first_of(dwarf: Dwarf<Slice>, skeleton: UnitRef<'_, Slice>) -> Option<SplitUnit> {
        let header = dwarf.units().next().ok()??;
        let mut unit = dwarf.unit(header).ok()?;
        unit.copy_relocated_attributes(skeleton.unit);
        Some(SplitUnit { dwarf, unit, containers: OnceLock::new() })
    }

    fn as_ref(&self) -> UnitRef<'_, Slice> {
        UnitRef::new(&self.dwarf, &self.unit)
    }
}
