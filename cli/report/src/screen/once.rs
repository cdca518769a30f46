//! The table once, as text.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::render::output::Output;
use crate::render::text::header;
use crate::screen::draw::text;
use crate::screen::sight::Sight;
use crate::screen::state::{News, Screen};
use crate::screen::watched::Watched;

/// Moments that growth takes to be known.
const MOMENTS: usize = 3;

/// Looks at a program a few times and writes what it is, and the table.
///
/// # Errors
/// If it is not profiled, or ends meanwhile.
pub fn once(mut watched: impl Watched, pid: u32, interval: Duration, out: &mut Output) -> anyhow::Result<()> {
    let mut screen = Screen::new(false);
    for moment in 0..MOMENTS {
        if moment > 0 {
            thread::sleep(interval);
        }
        let sight = Sight::new(&watched.profile(pid)?)?;
        screen.see(News::Sight(Box::new(sight), interval.as_secs_f64()));
    }
    if let Some(latest) = &screen.latest {
        header(&mut out.text(), &latest.header)?;
    }
    for line in text(&screen) {
        writeln!(out.text(), "{line}")?;
    }
    out.flush()
}
