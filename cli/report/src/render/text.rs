//! Views as text for people. Colours are always written; where they are not wanted, the stream that
//! main sets up takes them out.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use heaptrace_channel::config::RateText;
use heaptrace_pprof::printable;

use crate::measure::{self, Scale, grouped, percentage};
use crate::render::blocks::blocks;
use crate::render::shorten;
use crate::view::basis::Showing;
use crate::view::graph::Inlining;
use crate::view::header::{Amount, Header, Hint, reading};
use crate::view::noise::Estimate;
use crate::view::tags::Tags;
use crate::view::top::{Row, Top};
use crate::view::traces::{Folded, Traces};
use crate::view::tree::{CallEdge, Tree};

const HEADING: Style = Style::new().bold();
pub(super) const NAME: Style = AnsiColor::Cyan.on_default();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();

/// Width of the columns of [`top`] before the name, without those of the error.
const COLUMNS: usize = 50;
/// The same of [`tree`].
const CALL_COLUMNS: usize = 62;
/// The same of [`traces`].
const TRACE_COLUMNS: usize = 13;
/// Least width of a terminal for all columns.
const WIDE: usize = 100;
/// Characters of a filter that are shown.
const FILTER_WIDTH: usize = 80;
/// What follows the name of a function that is inlined.
const INLINE: &str = " (inline)";
/// Least width to shorten a name to.
pub(super) const NAME_WIDTH: usize = 20;

/// `text` in `style`.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// What the profile is, and what to do next.
pub fn header(out: &mut dyn Write, header: &Header) -> io::Result<()> {
    let mut line = |key: &str, value: String| match value.is_empty() {
        true => Ok(()),
        false => writeln!(out, "{} {value}", styled(FAINT, &format!("{key:<10}"))),
    };
    line("program", program(header))?;
    line("recorded", recorded(header))?;
    line("sampled", sampled(header))?;
    line("lost", lost(header))?;
    line("live", amount_text(header, header.live))?;
    line("peak", peak(header))?;
    line("allocated", allocated(header))?;
    line("over time", over_time(header))?;
    for comment in &header.comments {
        line("comment", comment.clone())?;
    }
    for hint in &header.hints {
        line("hint", styled(WARNING, &hint_text(hint)))?;
    }
    Ok(())
}

fn program(header: &Header) -> String {
    let Some(command) = &header.command else {
        return String::new();
    };
    let mut text = styled(HEADING, command);
    if let Some(pid) = &header.pid {
        text += &format!(" (pid {pid})");
    }
    if header.more > 0 {
        text += &format!(" and {} more", header.more);
    }
    text
}

fn recorded(header: &Header) -> String {
    let time = measure::local_time(header.time_nanos, "%Y-%m-%d %H:%M:%S %Z");
    let duration =
        (header.duration_nanos > 0).then(|| measure::label(header.duration_nanos, "nanoseconds", "auto"));
    match (time, duration) {
        (Some(time), Some(duration)) => format!("{time}, for {duration}"),
        (Some(time), None) => time,
        (None, Some(duration)) => format!("for {duration}"),
        (None, None) => String::new(),
    }
}

/// How many samples there are, and at which rate they were taken.
pub fn sampled(header: &Header) -> String {
    let rates = header.rates.clone();
    let rate = rates.or_else(|| header.rate.map(rate_text));
    let samples = header.samples.map(|n| format!("{} samples", grouped(n)));
    let parts: Vec<String> = rate.into_iter().chain(samples).collect();
    parts.join(", ")
}

fn rate_text(rate: i64) -> String {
    match rate {
        1 => "every allocation".to_owned(),
        rate => format!("once every {} on average", measure::label(rate, "bytes", "auto")),
    }
}

fn lost(header: &Header) -> String {
    let losses = header.losses.iter();
    let losses: Vec<String> = losses.map(|(what, n)| format!("{} {what}", grouped(*n))).collect();
    match losses.is_empty() {
        true => String::new(),
        false => styled(WARNING, &losses.join(", ")),
    }
}

/// The peak. Several processes were together never that large: each had its own moment, and counts the
/// blocks that it inherited from the one that forked it.
fn peak(header: &Header) -> String {
    let mut text = amount_text(header, header.peak);
    if header.more > 0 && !text.is_empty() {
        text += ", each process at its own, with what it inherited";
    }
    text
}

/// The heap over time as a line of blocks.
fn over_time(header: &Header) -> String {
    let Some(line) = &header.over_time else {
        return String::new();
    };
    let blocks = blocks(&line.columns, line.most());
    let mut text = format!("{blocks} up to {}", measure::label(line.most(), "bytes", "auto"));
    if let Some(resident) = line.resident {
        text += &format!(", resident up to {}", measure::label(resident, "bytes", "auto"));
    }
    text
}

fn amount_text(header: &Header, amount: Option<Amount>) -> String {
    let Some(amount) = amount else {
        return String::new();
    };
    let sign = |value: i64| match value {
        0.. if header.difference => "+",
        0.. => "",
        _ => "-",
    };
    let bytes = measure::label(amount.bytes.saturating_abs(), "bytes", "auto");
    let bytes = format!("{}{bytes}", sign(amount.bytes));
    match amount.blocks {
        Some(1) if !header.difference => format!("{bytes} in 1 block"),
        Some(blocks) => format!("{bytes} in {}{} blocks", sign(blocks), grouped(blocks.unsigned_abs())),
        None => bytes,
    }
}

fn allocated(header: &Header) -> String {
    let amount = amount_text(header, header.allocated);
    match header.bytes_per_second() {
        Some(rate) => format!("{amount}, {:.1} MB/s: {}", rate / 1e6, reading(rate)),
        None => amount,
    }
}

/// What to do next, in words.
pub fn hint_text(hint: &Hint) -> String {
    match hint {
        Hint::NoNames => {
            "most addresses have no names; heaptrace symbolize PROFILE -o NAMED looks them up".to_owned()
        }
        Hint::Little { shown, zero, others } => format!(
            "{shown} is {}; look at {}",
            if *zero { "zero" } else { "next to nothing" },
            others.iter().map(|name| format!("-s {name}")).collect::<Vec<_>>().join(" or ")
        ),
        Hint::FewSamples { samples, rate } => {
            format!("{samples} samples say little; record again with --rate {}", RateText(*rate))
        }
        Hint::NoSamples { rate } => format!(
            "no samples: hardly {} were allocated with malloc, or the program has an allocator of its own; to see every call record with --rate 1",
            RateText(*rate)
        ),
        Hint::Dormant => {
            "no samples: it was dormant; heaptrace rate PID 64KiB wakes a program while it runs".to_owned()
        }
    }
}

/// The filters, as pprof lists them.
pub fn filters(out: &mut dyn Write, filters: &[String]) -> io::Result<()> {
    if !filters.is_empty() {
        writeln!(out, "Active filters:")?;
    }
    for filter in filters {
        let shown: String = filter.chars().take(FILTER_WIDTH).collect();
        let rest = if shown.len() < filter.len() { "…" } else { "" };
        writeln!(out, "   {}{rest}", printable(&shown))?;
    }
    Ok(())
}

/// How much of the profile is shown, in pprof's words.
pub fn showing(out: &mut dyn Write, showing: &Showing, scale: &Scale) -> io::Result<()> {
    filters(out, &showing.filters)?;
    writeln!(
        out,
        "Showing nodes accounting for {}, {} of {} total",
        scale.label(showing.flat),
        percentage(showing.flat, showing.total).trim_start(),
        scale.label(showing.total)
    )?;
    if showing.total != 0 && showing.dropped > 0 {
        let plural = if showing.dropped == 1 { "" } else { "s" };
        writeln!(
            out,
            "Dropped {} node{plural} (cum <= {})",
            showing.dropped,
            scale.label(showing.dropped_below)
        )?;
    }
    if showing.total != 0 && (1..showing.of).contains(&showing.nodes) {
        writeln!(out, "Showing top {} nodes out of {}", showing.nodes, showing.of)?;
    }
    Ok(())
}

/// The top table. On a terminal of `width` columns, long names are shortened to fit, and where there
/// is little room the column of sums is left out.
pub fn top(out: &mut dyn Write, top: &Top, width: Option<usize>) -> io::Result<()> {
    writeln!(out, "Type: {}", top.type_name)?;
    showing(out, &top.showing, &top.scale)?;
    let with_sum = width.is_none_or(|width| width >= WIDE);
    let columns = COLUMNS - if with_sum { 0 } else { 7 } + if top.sampled { 14 } else { 0 };
    let room = room(width, columns);
    let heading = format!(
        "{:>10} {:>5}%{} {:>10} {:>5}%{}",
        "flat",
        "flat",
        if with_sum { format!(" {:>5}%", "sum") } else { String::new() },
        "cum",
        "cum",
        if top.sampled { format!(" {:>7} {:>5}", "samples", "95%") } else { String::new() }
    );
    writeln!(out, "{}", styled(HEADING, &heading))?;
    let total = top.showing.total;
    let mut sum = 0;
    for row in &top.rows {
        sum += row.flat;
        writeln!(
            out,
            "{:>10} {}{} {:>10} {}{}  {}",
            top.scale.label(row.flat),
            percentage(row.flat, total),
            if with_sum { format!(" {}", percentage(sum, total)) } else { String::new() },
            top.scale.label(row.cum),
            percentage(row.cum, total),
            if top.sampled { error(row, top.difference) } else { String::new() },
            name(row, room)
        )?;
    }
    Ok(())
}

/// The lines of the program's own code that hold most.
pub fn own(out: &mut dyn Write, top: &Top, width: Option<usize>) -> io::Result<()> {
    let share = percentage(top.showing.all, top.showing.total);
    let all = top.scale.label(top.showing.all);
    writeln!(out, "Own code: {all}, {} of {}, by line", share.trim_start(), top.type_name)?;
    let columns = 19 + if top.sampled { 14 } else { 0 };
    let room = room(width, columns);
    let errors = if top.sampled { format!(" {:>7} {:>5}", "samples", "95%") } else { String::new() };
    writeln!(out, "{}", styled(HEADING, &format!("{:>10} {:>6}{errors}  line", "held", "share")))?;
    for row in top.rows.iter().filter(|row| row.flat != 0) {
        writeln!(
            out,
            "{:>10} {}{}  {}",
            top.scale.label(row.flat),
            percentage(row.flat, top.showing.total),
            if top.sampled { error(row, top.difference) } else { String::new() },
            styled(NAME, &short(&row.name, "", room))
        )?;
    }
    writeln!(out)
}

/// The name of a row and whether it is inlined, in `room` columns if that is enough for anything.
fn name(row: &Row, room: Option<usize>) -> String {
    let inlining = match row.inlining {
        Inlining::None => "",
        Inlining::Some => " (partial-inline)",
        Inlining::All => INLINE,
    };
    format!("{}{inlining}", styled(NAME, &short(&row.name, inlining, room)))
}

/// The columns that are left for a name behind others on a terminal.
pub(super) fn room(width: Option<usize>, columns: usize) -> Option<usize> {
    width.map(|width| width.saturating_sub(columns))
}

/// A name that leaves room for what follows it, if there is enough for anything.
fn short(name: &str, followed_by: &str, room: Option<usize>) -> String {
    let room = room.map(|room| room.saturating_sub(followed_by.len()).max(NAME_WIDTH));
    shorten::to_width(name, room)
}

/// The columns of samples and of the 95% interval, relative to the value.
fn error(row: &Row, difference: bool) -> String {
    let estimate: &Estimate = &row.estimate;
    let interval = match estimate.value {
        0 => "-".to_owned(),
        _ if !estimate.within_noise() => {
            let relative = estimate.half_interval() / (estimate.value as f64).abs();
            format!("±{:.0}%", relative * 100.0)
        }
        _ if difference => "noise".to_owned(),
        _ => "few".to_owned(),
    };
    let style = if estimate.within_noise() { WARNING } else { Style::new() };
    format!(" {:>7} {}", grouped(estimate.samples.round() as u64), styled(style, &format!("{interval:>5}")))
}

/// The call graph. On a terminal of `width` columns, long names are shortened to fit.
pub fn tree(out: &mut dyn Write, tree: &Tree, width: Option<usize>) -> io::Result<()> {
    const SEPARATOR: &str = "----------------------------------------------------------+-------------";
    showing(out, &tree.showing, &tree.scale)?;
    writeln!(out, "{SEPARATOR}")?;
    let heading = "      flat  flat%   sum%        cum   cum%   calls calls% + context";
    writeln!(out, "{}", styled(HEADING, heading))?;
    let total = tree.showing.total;
    let room = room(width, CALL_COLUMNS);
    let mut sum = 0;
    for entry in &tree.entries {
        writeln!(out, "{SEPARATOR}")?;
        calls(out, &entry.callers, entry.cum, &tree.scale, room)?;
        sum += entry.flat;
        writeln!(
            out,
            "{:>10} {} {} {:>10} {}                | {}",
            tree.scale.label(entry.flat),
            percentage(entry.flat, total),
            percentage(sum, total),
            tree.scale.label(entry.cum),
            percentage(entry.cum, total),
            styled(NAME, &short(&entry.name, "", room))
        )?;
        calls(out, &entry.callees, entry.cum, &tree.scale, room)?;
    }
    if !tree.entries.is_empty() {
        writeln!(out, "{SEPARATOR}")?;
    }
    Ok(())
}

fn calls(
    out: &mut dyn Write,
    calls: &[CallEdge],
    cum: i64,
    scale: &Scale,
    room: Option<usize>,
) -> io::Result<()> {
    for call in calls {
        let inline = if call.inline { INLINE } else { "" };
        writeln!(
            out,
            "{:>50} {} |   {}{}",
            scale.label(call.weight),
            percentage(call.weight, cum),
            short(&call.name, inline, room),
            inline
        )?;
    }
    Ok(())
}

/// The samples with their stacks. On a terminal of `width` columns, long names are shortened to fit.
pub fn traces(out: &mut dyn Write, traces: &Traces, width: Option<usize>) -> io::Result<()> {
    const SEPARATOR: &str = "-----------+-------------------------------------------------------";
    let room = room(width, TRACE_COLUMNS);
    for trace in &traces.traces {
        writeln!(out, "{SEPARATOR}")?;
        for (key, values) in &traces.label_sets[trace.labels as usize] {
            writeln!(out, "{key:>10}:  {values}")?;
        }
        let mut value = traces.scale.label(trace.value);
        for &(name, inline) in &trace.frames {
            let inline = if inline { INLINE } else { "" };
            let name = short(&traces.names[name as usize], inline, room);
            writeln!(out, "{value:>10}   {name}{inline}")?;
            value.clear();
        }
    }
    writeln!(out, "{SEPARATOR}")
}

/// What the writers of the profile noted.
pub fn comments(out: &mut dyn Write, comments: &[String]) -> io::Result<()> {
    comments.iter().try_for_each(|comment| writeln!(out, "{comment}"))
}

/// The stacks, one a line: `a;b;c N`.
pub fn folded(out: &mut dyn Write, folded: &Folded) -> io::Result<()> {
    for (stack, value) in folded.stacks() {
        for (i, &name) in stack.iter().enumerate() {
            let separator = if i == 0 { "" } else { ";" };
            write!(out, "{separator}{}", folded.name(name).replace(';', ":"))?;
        }
        writeln!(out, " {value}")?;
    }
    Ok(())
}

/// The labels, in pprof's columns.
pub fn tags(out: &mut dyn Write, tags: &Tags) -> io::Result<()> {
    let number = |value: i64| {
        let (number, unit) = measure::scale(tags.scale.divided(value), &tags.scale.from, &tags.scale.to);
        format!("{number:.1}{unit}")
    };
    for key in &tags.keys {
        let sums: Vec<String> = key
            .values
            .iter()
            .map(|&(_, sum)| match key.total > 0 {
                true => format!("{} ({}):", number(sum), percentage(sum, key.total)),
                false => format!("{}:", number(sum)),
            })
            .collect();
        let column = key.name.chars().count() + 2;
        let width = sums.iter().map(|sum| sum.chars().count() + 1).max().unwrap_or(0);
        writeln!(out, " {}: Total {}", styled(NAME, &key.name), number(key.total))?;
        for ((value, _), sum) in key.values.iter().zip(&sums) {
            writeln!(out, "{:column$}{sum:>width$} {value}", "")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
