//! Annotated machine code as text, in pprof's form.

use std::io::{self, Write};

use heaptrace_pprof::printable;

use crate::measure::{Scale, percentage};
use crate::render::text::{NAME, styled};
use crate::view::disassembly::{Disassembly, Routine, SourceLocation};

/// Columns for an instruction that is followed by its place.
const INSTRUCTION_WIDTH: usize = 40;

/// Writes the functions.
pub fn write(out: &mut dyn Write, disassembly: &Disassembly) -> io::Result<()> {
    let Disassembly { scale, total, .. } = disassembly;
    writeln!(out, "Total: {}", scale.label(*total))?;
    for routine in &disassembly.routines {
        writeln!(out, "ROUTINE ======================== {}", styled(NAME, &routine.name))?;
        let (flat, cum) = (scale.label(routine.flat), scale.label(routine.cum));
        writeln!(out, "{flat:>10} {cum:>10} (flat, cum) {} of Total", percentage(routine.cum, *total))?;
        instructions(out, routine, scale)?;
    }
    Ok(())
}

fn instructions(out: &mut dyn Write, routine: &Routine, scale: &Scale) -> io::Result<()> {
    let value = |value: i64| match value {
        0 => ".".to_owned(),
        value => scale.label(value),
    };
    let mut known = SourceLocation::default();
    for instruction in &routine.instructions {
        let code = &instruction.code;
        // A place is said where it changes.
        let place = if code.place == known { String::new() } else { place(&code.place) };
        known = code.place.clone();
        let text = printable(&code.text);
        let is_long = text.chars().count() >= INSTRUCTION_WIDTH;
        if is_long && !place.is_empty() {
            writeln!(out, "{:74};{place}", "")?;
        }
        let (flat, cum) = (value(instruction.flat), value(instruction.cum));
        write!(out, "{flat:>10} {cum:>10} {:>10x}: ", code.address)?;
        match is_long || place.is_empty() {
            true => writeln!(out, "{text}")?,
            false => writeln!(out, "{text:INSTRUCTION_WIDTH$};{place}")?,
        }
    }
    Ok(())
}

fn place(place: &SourceLocation) -> String {
    let function = if place.function.is_empty() { String::new() } else { format!("{} ", place.function) };
    let line = if place.line == 0 { String::new() } else { format!(":{}", place.line) };
    let line = if place.file.is_empty() { String::new() } else { line };
    printable(&format!("{function}{}{line}", place.file)).into_owned()
}
