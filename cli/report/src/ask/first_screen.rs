//! What precedes the table of all functions.

use crate::render::output::Output;
use crate::render::text;
use crate::view::basis::{Options, View};
use crate::view::graph::Sort;
use crate::view::header::Header;
use crate::view::top::Top;

/// Lines of own code on the first screen.
const OWN_LIMIT: usize = 10;

/// Writes what the profile is, and, where there is other code too, the lines of the program's own that
/// hold most.
pub fn write(view: &View, out: &mut Output) -> anyhow::Result<()> {
    text::header(&mut out.text(), &Header::new(view))?;
    let options = view.options;
    let own =
        Options { limit: Some(OWN_LIMIT), sort: Sort::Flat, granularity: None, ..options.of_own_code() };
    let view = View::new(view.profile, &own)?;
    if !options.filters.own && view.selection.has_foreign_frames() {
        let (top, width) = (Top::new(&view), out.width());
        if top.rows.iter().any(|row| row.flat != 0) {
            text::own(&mut out.text(), &top, width)?;
        }
    }
    Ok(())
}
