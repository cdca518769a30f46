//! The programs that can be watched.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Row, Table, TableState};

use super::style::{CHOSEN, HEADING, NAME, WARNING};
use crate::measure::{grouped, running};
use crate::screen::state::Screen;
use crate::screen::watched::Choice;
use crate::screen::words;

/// Draws them.
pub fn draw(screen: &mut Screen, frame: &mut Frame, area: Rect) {
    screen.room = usize::from(area.height.saturating_sub(1)).max(1);
    if screen.programs.is_empty() {
        return frame.render_widget(Line::styled(words::NO_PROGRAMS, WARNING), area);
    }
    let right = |text: String| Text::from(text).right_aligned();
    let row = |program: &Choice| {
        Row::new([
            right(program.pid.to_string()),
            right(running(program.seconds)),
            right(grouped(program.samples)),
            right(words::bytes(program.in_use as f64)),
            Text::styled(program.command.clone(), NAME),
        ])
    };
    let heading = ["pid", "running", "samples", "in use"].map(|text| right(text.to_owned()));
    let heading = Row::new(heading.into_iter().chain([Text::from("program")])).style(HEADING);
    let widths = [
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Fill(1),
    ];
    let table = Table::new(screen.programs.iter().map(row), widths).header(heading);
    let mut state = TableState::new().with_selected(screen.program);
    frame.render_stateful_widget(table.row_highlight_style(CHOSEN), area, &mut state);
}
