//! Annotated source as text.

use std::io::{self, Write};

use crate::measure::{Scale, percentage};
use crate::render::shorten;
use crate::render::text::{NAME, NAME_WIDTH, WARNING, room, styled};
use crate::view::list::{List, Routine};

/// Width of the line that names a function, without its name and file.
const ROUTINE_COLUMNS: usize = 37;

/// Annotated source. On a terminal of `width` columns, long names of functions are shortened to fit.
pub fn write(out: &mut dyn Write, list: &List, width: Option<usize>) -> io::Result<()> {
    writeln!(out, "Total: {}", list.scale.label(list.total))?;
    for routine in &list.routines {
        let file = if routine.file.is_empty() { "an unknown file" } else { &routine.file };
        let room = room(width, ROUTINE_COLUMNS + file.chars().count()).map(|room| room.max(NAME_WIDTH));
        let name = styled(NAME, &shorten::to_width(&routine.name, room));
        writeln!(out, "ROUTINE ======================== {name} in {file}")?;
        writeln!(
            out,
            "{:>10} {:>10} (flat, cum) {} of Total",
            list.scale.label(routine.flat),
            list.scale.label(routine.cum),
            percentage(routine.cum, list.total)
        )?;
        lines(out, routine, &list.scale)?;
    }
    Ok(())
}

fn lines(out: &mut dyn Write, routine: &Routine, scale: &Scale) -> io::Result<()> {
    let value = |value: i64| match value {
        0 => ".".to_owned(),
        value => scale.label(value),
    };
    for line in &routine.lines {
        writeln!(
            out,
            "{:>10} {:>10} {:>6}:{}",
            value(line.flat),
            value(line.cum),
            line.number,
            line.text.as_deref().unwrap_or_default()
        )?;
    }
    match source_note(routine) {
        Some(note) => writeln!(out, "{:>10} {:>10}        {}", "", "", styled(WARNING, &note)),
        None => Ok(()),
    }
}

/// What is wrong with the source of a function.
pub fn source_note(routine: &Routine) -> Option<String> {
    match routine.source_lines {
        _ if routine.file.is_empty() => Some(
            "where it is in the source only debug information tells: at hand when the profile is recorded, or for heaptrace symbolize"
                .to_owned(),
        ),
        None => Some(
            "the source was not found; --source-path says where to look, --trim-path what to cut off its name"
                .to_owned(),
        ),
        Some(count) => routine.lines.iter().any(|line| line.number > count as i64).then(|| {
            format!("the source has {count} lines only: it is not the one that the program was built from")
        }),
    }
}
