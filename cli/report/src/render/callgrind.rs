//! The call graph in the format of Callgrind, for KCachegrind.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::view::instructions::{CodeLocation, Instructions};

/// Writes all addresses.
pub fn write(out: &mut dyn Write, instructions: &Instructions) -> io::Result<()> {
    let (mut objects, mut files, mut names) = (Names::default(), Names::default(), Names::default());
    writeln!(out, "positions: instr line")?;
    writeln!(out, "events: {}({})", instructions.sample_type, instructions.unit)?;
    let mut previous: Option<&CodeLocation> = None;
    for instruction in &instructions.all {
        let place = &instruction.place;
        let function =
            |place: &CodeLocation| (place.object.clone(), place.file.clone(), place.function.clone());
        if previous.is_none_or(|previous| function(previous) != function(place)) {
            writeln!(out, "\nob={}", objects.short(&place.object))?;
            writeln!(out, "fl={}", files.short(&place.file))?;
            writeln!(out, "fn={}", names.short(&place.function))?;
        }
        writeln!(out, "{} {} {}", address(previous, place), place.line, instruction.value)?;
        for (callee, value) in &instruction.calls {
            writeln!(out, "cfl={}", files.short(&callee.file))?;
            writeln!(out, "cfn={}", names.short(&callee.function))?;
            writeln!(out, "calls=0 {} {}", address(previous, callee), callee.line)?;
            writeln!(out, "* * {value}")?;
        }
        previous = Some(place);
    }
    Ok(())
}

/// Names that are written once, and after that by number.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn short(&mut self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        if let Some(number) = self.0.get(name) {
            return format!("({number})");
        }
        let number = self.0.len() + 1;
        self.0.insert(name.to_owned(), number);
        format!("({number}) {name}")
    }
}

/// An address, relative to the previous one if that is shorter.
fn address(previous: Option<&CodeLocation>, place: &CodeLocation) -> String {
    let absolute = format!("{:#x}", place.address);
    match previous.map(|previous| place.address.wrapping_sub(previous.address) as i64) {
        Some(0) => "*".to_owned(),
        Some(difference) => {
            let relative = format!("{difference:+}");
            if relative.len() < absolute.len() { relative } else { absolute }
        }
        None => absolute,
    }
}
