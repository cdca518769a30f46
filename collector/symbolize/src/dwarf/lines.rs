//! The line table of a unit.

use gimli::{
    DebugLine, DebugLineOffset, EndianSlice, IncompleteLineProgram, LineProgramHeader, Reader, RunTimeEndian,
    Section, UnitRef,
};

use super::slice::Slice;

/// A file and a line in it, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SourceLocation {
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
}

/// Which line each instruction is of.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Sorted by their addresses.
    sequences: Vec<Sequence>,
}

/// The rows of adjoining instructions.
#[derive(Debug)]
struct Sequence {
    end: u64,
    /// Sorted by their addresses, at least one.
    rows: Vec<LineRow>,
}

/// From this instruction on, up to the next row's, it is that line.
#[derive(Debug, Clone, Copy)]
struct LineRow {
    address: u64,
    /// Index into the unit's table of files.
    file: u32,
    /// 0 if unknown.
    line: u32,
}

impl Lines {
    /// Reads the line table of `unit`; what is behind damage is not there.
    pub(super) fn read(unit: UnitRef<'_, Slice>) -> Lines {
        let run = |program: Slice| {
            // Programs are long, and run faster from bytes that are in one place.
            let bytes = program.to_slice().ok()?;
            let programs = DebugLine::from(EndianSlice::new(&bytes, program.endian()));
            let size = unit.encoding().address_size;
            programs.program(DebugLineOffset(0), size, None, None).map(Lines::run).ok()
        };
        let header = unit.line_program.as_ref().map(IncompleteLineProgram::header);
        header.and_then(|header| part(unit, header)).and_then(run).unwrap_or_default()
    }

    fn run(program: IncompleteLineProgram<EndianSlice<'_, RunTimeEndian>>) -> Lines {
        let mut lines = Lines::default();
        let mut program = program.rows();
        let mut rows: Vec<LineRow> = Vec::new();
        while let Ok(Some((_, row))) = program.next_row() {
            let number = |number: u64| u32::try_from(number).unwrap_or(0);
            let line = row.line().map_or(0, |line| number(line.get()));
            let new = LineRow { address: row.address(), file: number(row.file_index()), line };
            if row.end_sequence() {
                lines.add(std::mem::take(&mut rows), new.address);
                continue;
            }
            // Of several rows for one instruction the last one counts.
            rows.pop_if(|last| last.address == new.address);
            rows.push(new);
        }
        lines.sequences.sort_by_key(|sequence| sequence.rows[0].address);
        lines
    }

    fn add(&mut self, rows: Vec<LineRow>, end: u64) {
        if rows.first().is_some_and(|first| first.address < end) {
            self.sequences.push(Sequence { end, rows });
        }
    }

    /// The addresses that the table covers.
    pub(super) fn ranges(&self) -> impl Iterator<Item = gimli::Range> {
        let range = |sequence: &Sequence| gimli::Range { begin: sequence.rows[0].address, end: sequence.end };
        self.sequences.iter().map(range)
    }

    /// The place of the instruction at `address`; `unit` is the one that the table was read of.
    pub(super) fn find(&self, unit: UnitRef<'_, Slice>, address: u64) -> Option<SourceLocation> {
        let after = self.sequences.partition_point(|sequence| sequence.rows[0].address <= address);
        let sequence = self.sequences.get(after.checked_sub(1)?).filter(|sequence| address < sequence.end)?;
        let after = sequence.rows.partition_point(|row| row.address <= address);
        let row = sequence.rows.get(after.checked_sub(1)?)?;
        let line = (row.line > 0).then_some(row.line.into());
        Some(SourceLocation { file: file(unit, row.file.into()), line })
    }
}

/// A unit's line program, its header first.
fn part(unit: UnitRef<'_, Slice>, header: &LineProgramHeader<Slice>) -> Option<Slice> {
    let mut part = unit.dwarf.debug_line.reader().clone();
    part.skip(header.offset().0).ok()?;
    part.truncate(header.unit_length() + usize::from(header.format().initial_length_size())).ok()?;
    Some(part)
}

/// The path of a file in a unit's table, from the folder that the unit was compiled in.
pub(super) fn file(unit: UnitRef<'_, Slice>, index: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let mut path = unit.comp_dir.as_ref().and_then(Slice::text).unwrap_or_default();
    // Folder 0 is the one of the compilation.
    if file.directory_index() != 0 {
        push(&mut path, &folder(unit, header, file)?);
    }
    push(&mut path, &unit.attr_string(file.path_name()).ok()?.text()?);
    Some(path)
}

fn folder(
    unit: UnitRef<'_, Slice>,
    header: &LineProgramHeader<Slice>,
    file: &gimli::FileEntry<Slice>,
) -> Option<String> {
    unit.attr_string(file.directory(header)?).ok()?.text()
}

/// Appends a part to a path, or replaces the path if the part is absolute.
fn push(path: &mut String, part: &str) {
    if part.starts_with('/') {
        path.clear();
    } else if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(part);
}
