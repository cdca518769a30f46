//! A function, in one of the views of `report`.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::style::{CHART, CHOSEN, FAINT, HEADING, NAME, STRONG, WARNING};
use crate::render::shorten::to_width;
use crate::screen::detail::{Body, CallRow, Detail, Face, INDEXES, Role};
use crate::screen::state::{Page, Screen};
use crate::screen::words;

/// Columns of a bar.
const BAR: u16 = 8;

/// Draws it.
pub fn draw(screen: &mut Screen, frame: &mut Frame, area: Rect) {
    let [name, faces, inside] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    screen.room = usize::from(inside.height).max(1);
    let Page::Function(detail) = screen.page.clone() else { return };
    frame.render_widget(heading(&detail, usize::from(name.width)), name);
    frame.render_widget(choice(&detail), faces);
    match screen.body(usize::from(inside.width)) {
        Some(Body::Calls(calls)) => {
            let rows = draw_calls(calls, &detail, frame, inside);
            screen.room = rows;
        }
        Some(Body::Text(text)) => {
            let [line, column] = [detail.line, detail.column].map(|at| u16::try_from(at).unwrap_or(u16::MAX));
            frame.render_widget(Paragraph::new(text.clone()).scroll((line, column)), inside);
        }
        Some(Body::Nothing(why)) => frame.render_widget(Line::styled(why.clone(), WARNING), inside),
        None => frame.render_widget(Line::styled(words::WAITING, FAINT), inside),
    }
}

fn heading(detail: &Detail, width: usize) -> Line<'static> {
    // What grows is what is in use.
    let index = if detail.face == Face::Growth { INDEXES[0].1 } else { INDEXES[detail.index].1 };
    let name = to_width(&detail.function, Some(width.saturating_sub(index.len() + 2).max(8)));
    Line::from(vec![Span::styled(name, NAME.patch(STRONG)), Span::styled(format!("  {index}"), FAINT)])
}

/// The views, with the one that is shown.
fn choice(detail: &Detail) -> Line<'static> {
    let faces = Face::ALL.iter().enumerate().flat_map(|(number, &(face, name))| {
        let style = if face == detail.face { CHOSEN } else { FAINT };
        [Span::styled(format!(" {} {name} ", number + 1), style), Span::raw(" ")]
    });
    Line::from(faces.collect::<Vec<_>>())
}

/// Draws rows that can be chosen. How many have room.
fn draw_calls(calls: &[CallRow], detail: &Detail, frame: &mut Frame, area: Rect) -> usize {
    let bar = if area.width >= 60 { BAR } else { 0 };
    let widths = [10, 7, bar, 9];
    let room = usize::from(area.width.saturating_sub(widths.iter().sum::<u16>() + 4));
    let row = |call: &CallRow| {
        let (role, style) = match call.role {
            Role::Caller => (words::CALLED_BY, NAME),
            Role::Itself => ("", NAME.patch(STRONG)),
            Role::Callee => (words::CALLS, NAME),
        };
        Row::new([
            Text::from(call.value.clone()).right_aligned(),
            Text::from(format!("{:.1}%", call.share * 100.0)).right_aligned(),
            Text::styled("▇".repeat((call.share.clamp(0.0, 1.0) * f64::from(bar)).round() as usize), CHART),
            Text::styled(role, FAINT),
            Text::styled(to_width(&call.name, Some(room.max(8))), style),
        ])
    };
    let heading = Row::new(["", "", "", "", words::FUNCTION_COLUMN]).style(HEADING);
    let widths = widths.map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]);
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    let first = (detail.line + 1).saturating_sub(rows);
    let table = Table::new(calls.iter().skip(first).take(rows).map(row), widths).header(heading);
    let mut state = TableState::new().with_selected(detail.line.min(calls.len().saturating_sub(1)) - first);
    frame.render_stateful_widget(table.row_highlight_style(CHOSEN), area, &mut state);
    rows
}
