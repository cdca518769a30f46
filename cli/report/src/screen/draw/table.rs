//! The table of places that hold memory.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line as Words, Span, Text};
use ratatui::widgets::{Row, Table, TableState};

use super::style::{CHART, CHOSEN, FAINT, HEADING, LESS, MORE, NAME};
use crate::render::blocks::blocks;
use crate::render::shorten::to_width;
use crate::screen::sight::Grouping;
use crate::screen::state::Screen;
use crate::screen::table::{Line, Order, is_noise};
use crate::screen::words::{self, bytes};
use crate::view::noise::Estimate;

const MINUTE: f64 = 60.0;
/// Least columns of a name.
const NAME_WIDTH: u16 = 12;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    InUse,
    Error,
    Growth,
    Rate,
    Trend,
    Name,
}

use Column::{Error, Growth, InUse, Name, Rate, Trend};

/// The columns that there is room for, each with its width.
fn columns(width: u16) -> Vec<(Column, u16)> {
    let columns: &[(Column, u16)] = match width {
        ..40 => &[(InUse, 9)],
        40..60 => &[(InUse, 9), (Growth, 11)],
        60..80 => &[(InUse, 9), (Growth, 11), (Rate, 11)],
        80..110 => &[(InUse, 9), (Growth, 11), (Rate, 11), (Trend, 12)],
        110..160 => &[(InUse, 9), (Error, 5), (Growth, 11), (Rate, 11), (Trend, 24)],
        _ => &[(InUse, 9), (Error, 5), (Growth, 11), (Rate, 11), (Trend, 48)],
    };
    let used: u16 = columns.iter().map(|(_, width)| width + 1).sum();
    let rest = width.saturating_sub(used).max(NAME_WIDTH);
    columns.iter().copied().chain([(Name, rest)]).collect()
}

/// Draws it.
pub fn draw(screen: &mut Screen, frame: &mut Frame, area: Rect) {
    screen.room = usize::from(area.height.saturating_sub(1)).max(1);
    let columns = columns(area.width);
    let chosen = screen.position();
    // The rows that are shown; the chosen one is among them, and the first one as long as it can be.
    let first = (chosen + 1).saturating_sub(screen.room);
    let shown = screen.lines.iter().skip(first).take(screen.room);
    let rows: Vec<Row> = shown.map(|line| row(screen, line, &columns)).collect();
    let is_empty = rows.is_empty();
    let widths = columns.iter().map(|&(_, width)| Constraint::Length(width));
    let table = Table::new(rows, widths).header(heading(screen, &columns)).row_highlight_style(CHOSEN);
    let mut state = TableState::new().with_selected(chosen - first);
    frame.render_stateful_widget(table, area, &mut state);
    if is_empty && area.height > 1 && screen.latest.is_some() {
        let why = if screen.search.is_empty() { words::NO_ROWS } else { words::NOT_FOUND };
        frame.render_widget(Words::styled(why, FAINT), Rect { y: area.y + 1, height: 1, ..area });
    }
}

fn heading(screen: &Screen, columns: &[(Column, u16)]) -> Row<'static> {
    let sorted = |text: &str, order: Order| match screen.order == order {
        true => format!("{text} ▼"),
        false => text.to_owned(),
    };
    let cell = |&(column, _): &(Column, u16)| match column {
        InUse => right(sorted("in use", Order::InUse)),
        Error => right("±".to_owned()),
        Growth => right(sorted("growth", Order::Growth)),
        Rate => right(sorted("alloc", Order::Allocated)),
        Trend => Text::from(trend_heading(screen)),
        Name => Text::from(name_heading(screen)),
    };
    Row::new(columns.iter().map(cell)).style(HEADING)
}

fn trend_heading(screen: &Screen) -> &'static str {
    match screen.order {
        Order::Allocated => words::TREND_ALLOCATED,
        Order::InUse | Order::Growth => words::TREND_IN_USE,
    }
}

fn name_heading(screen: &Screen) -> String {
    let what = match screen.grouping {
        Grouping::Own => words::OWN_CODE,
        Grouping::All => words::ALL_FUNCTIONS,
    };
    match screen.search.as_str() {
        "" => what.to_owned(),
        search => format!("{what} /{search}"),
    }
}

fn row(screen: &Screen, line: &Line, columns: &[(Column, u16)]) -> Row<'static> {
    let cell = |&(column, width): &(Column, u16)| match column {
        InUse => right(bytes(line.in_use.value as f64)),
        Error => right(error(&line.in_use)),
        Growth => growth(line),
        Rate => right(rate(line)),
        Trend => Text::styled(trend(screen, line, usize::from(width)), CHART),
        Name => Text::styled(to_width(&line.name, Some(usize::from(width))), NAME),
    };
    Row::new(columns.iter().map(cell))
}

fn right(text: String) -> Text<'static> {
    Text::from(text).right_aligned()
}

fn error(estimate: &Estimate) -> String {
    match estimate.value {
        0 => String::new(),
        _ if estimate.within_noise() => words::FEW.to_owned(),
        value => format!("{:.0}%", 100.0 * estimate.half_interval() / (value as f64).abs()),
    }
}

fn growth(line: &Line) -> Text<'static> {
    let Some(growth) = line.growth else { return Text::default() };
    let a_minute = growth.growth * MINUTE;
    if a_minute.abs() < 1.0 {
        return Text::default();
    }
    let style = match a_minute > 0.0 {
        _ if is_noise(&growth) => FAINT,
        true => MORE,
        false => LESS,
    };
    let sign = if a_minute > 0.0 { "+" } else { "" };
    Text::from(Span::styled(format!("{sign}{}/m", bytes(a_minute)), style)).right_aligned()
}

fn rate(line: &Line) -> String {
    match line.rate {
        Some(rate) if rate >= 1.0 => format!("{}/s", bytes(rate)),
        _ => String::new(),
    }
}

/// The latest moments, the newest at the right end.
fn trend(screen: &Screen, line: &Line, width: usize) -> String {
    let Some(past) = screen.past(&line.name) else { return String::new() };
    let values = match screen.order {
        Order::Allocated => screen.history().allocated(past),
        Order::InUse | Order::Growth => screen.history().in_use(past),
    };
    let latest = &values[values.len().saturating_sub(width)..];
    format!("{:>width$}", blocks(latest, latest.iter().copied().max().unwrap_or(0)))
}

/// What of the screen a file or pipe gets: the heading and all rows, whole names and no colours.
pub fn text(screen: &Screen) -> Vec<String> {
    const COLUMNS: [(Column, u16); 5] = [(InUse, 9), (Error, 5), (Growth, 11), (Rate, 11), (Name, u16::MAX)];
    let plain = |row: Vec<String>| {
        let cells = row.iter().zip(&COLUMNS).map(|(text, &(column, width))| match column {
            Name => text.clone(),
            _ => format!("{text:>width$} ", width = usize::from(width)),
        });
        cells.collect::<String>()
    };
    let heading = ["in use", "±", "growth", "alloc"].map(str::to_owned);
    let heading = heading.into_iter().chain([name_heading(screen)]).collect();
    let row = |line: &Line| {
        let growth: String = growth(line).iter().map(ToString::to_string).collect();
        vec![bytes(line.in_use.value as f64), error(&line.in_use), growth, rate(line), line.name.clone()]
    };
    [heading].into_iter().chain(screen.lines.iter().map(row)).map(plain).collect()
}
