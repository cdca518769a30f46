//! What grows, as text.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use heaptrace_channel::config::RateText;

use crate::measure::{self, grouped};
use crate::render::shorten;
use crate::view::growth::{Evidence, GrowingStack, Growth, Trend};
use crate::view::verdict::{Judgement, Verdict, Wait};

const HEADING: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const LEAK: Style = AnsiColor::Red.on_default().bold();
/// Columns before the stack.
const INDENT: usize = 4;
const HOUR: f64 = 3600.0;

/// Writes the table.
pub fn write(out: &mut dyn Write, growth: &Growth, width: Option<usize>) -> io::Result<()> {
    let over = duration(growth.seconds);
    match growth.evidence {
        Evidence::Ages => writeln!(out, "Growth over {over}, by the ages of what is in use")?,
        Evidence::Profiles(count) => {
            writeln!(out, "Growth over {over}, by what {count} profiles have in use")?
        }
    }
    write!(out, "Heap: {}", trend(&growth.heap))?;
    match &growth.resident {
        Some(resident) => writeln!(out, "; resident: {}", trend(resident))?,
        None => writeln!(out)?,
    }
    if growth.is_elsewhere() {
        let text = "The process grows and its heap does not: no leak of malloc, but fragmentation, mappings, files or another allocator";
        writeln!(out, "{WARNING}{text}{WARNING:#}")?;
    }
    let heading = format!(
        "{:>11} {:>10} {:>10} {:>6} {:>7} {:>7}  verdict",
        "growth/h", "95%", "live", "kept", "age", "freed"
    );
    writeln!(out, "{HEADING}{heading}{HEADING:#}")?;
    for row in &growth.rows {
        self::row(out, row, growth.rate)?;
        let room = width.map(|width| width.saturating_sub(INDENT).max(20));
        writeln!(out, "{:INDENT$}{NAME}{}{NAME:#}", "", stack(&row.stack, room))?;
    }
    if growth.more > 0 {
        writeln!(out, "{} more; -n 0 shows all", grouped(growth.more as u64))?;
    }
    Ok(())
}

fn row(out: &mut dyn Write, row: &GrowingStack, rate: u64) -> io::Result<()> {
    let judgement = &row.judgement;
    let (kept, age, freed) = match row.ages {
        Some(ages) => (
            format!("{:.0}%", ages.kept * 100.0),
            duration(ages.median),
            ages.freed.map_or("never".to_owned(), duration),
        ),
        None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
    };
    let style = match judgement.verdict {
        Verdict::Leak => LEAK,
        Verdict::TooEarly(_) => WARNING,
        Verdict::Cache | Verdict::StartUp | Verdict::Steady => Style::new(),
    };
    writeln!(
        out,
        "{:>11} {:>10} {:>10} {kept:>6} {age:>7} {freed:>7}  {style}{}{style:#}",
        change(judgement.growth),
        format!("±{}", change_width(judgement)),
        bytes(row.live),
        verdict(&judgement.verdict, rate)
    )
}

/// The verdict, with what would make sure.
fn verdict(verdict: &Verdict, rate: u64) -> String {
    match verdict {
        Verdict::TooEarly(wait) => format!("{}: needs about {}", word(verdict), needs(*wait, rate)),
        _ => word(verdict).to_owned(),
    }
}

/// The verdict in a word or two.
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Leak => "leak",
        Verdict::Cache => "cache",
        Verdict::StartUp => "start-up",
        Verdict::Steady => "steady",
        Verdict::TooEarly(_) => "too early",
    }
}

fn needs(wait: Wait, rate: u64) -> String {
    let minutes = (wait.seconds / 60.0).ceil().clamp(1.0, 1e6);
    let plural = if minutes == 1.0 { "" } else { "s" };
    let time = match wait.seconds {
        seconds if seconds < 50.0 => format!("{:.0} more seconds", seconds.max(1.0)),
        _ => format!("{} more minute{plural}", grouped(minutes as u64)),
    };
    let finer = (rate as f64 / wait.finer) as u64;
    match wait.finer > 1.0 && finer > 1 {
        true => format!("{time} or --rate {}", RateText(1 << finer.ilog2())),
        false => time,
    }
}

/// The innermost functions of a stack, as many as there is room for.
fn stack(text: &str, room: Option<usize>) -> String {
    const MOST: usize = 6;
    let mut shown = String::new();
    for (index, name) in text.split(" ← ").enumerate() {
        let more = if index == 0 { shorten::to_width(name, room) } else { format!(" ← {name}") };
        let is_full = room.is_some_and(|room| (shown.chars().count() + more.chars().count() + 4) > room);
        if index > 0 && (is_full || index == MOST) {
            return shown + " ← …";
        }
        shown += &more;
    }
    shown
}

fn trend(trend: &Trend) -> String {
    match trend.growth {
        Some(growth) => format!("{}, {}/h", bytes(trend.now), change(growth)),
        None => bytes(trend.now),
    }
}

fn bytes(value: f64) -> String {
    measure::label(value as i64, "bytes", "auto")
}

/// Bytes an hour, of bytes a second, with its sign.
fn change(value: f64) -> String {
    let sign = if value * HOUR >= 1.0 { "+" } else { "" };
    format!("{sign}{}", bytes(value * HOUR))
}

fn change_width(judgement: &Judgement) -> String {
    bytes(judgement.half_interval * HOUR)
}

/// A time in one unit.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{:.0}d", s / 86_400.0),
        s if s >= 2.0 * HOUR => format!("{:.0}h", s / HOUR),
        s if s >= 120.0 => format!("{:.0}m", s / 60.0),
        s if s >= 1.0 => format!("{s:.0}s"),
        s => format!("{:.0}ms", s * 1000.0),
    }
}
