//! The screen as a picture.

mod foot;
mod function;
mod help;
mod programs;
mod style;
mod summary;
mod table;
mod title;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::Line;

use crate::screen::state::{Page, Screen};
use crate::screen::words;

/// Columns and rows that are the least to show anything in.
const LEAST: (u16, u16) = (24, 6);

/// Draws the screen on all of the terminal.
pub fn draw(screen: &mut Screen, frame: &mut Frame) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return frame.render_widget(Line::from(words::TOO_SMALL), area);
    }
    let [title, page, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    title::draw(screen, frame, title);
    match screen.page {
        Page::Programs => programs::draw(screen, frame, page),
        Page::Table => {
            let [summary, table] =
                Layout::vertical([Constraint::Length(summary::height(screen, page)), Constraint::Fill(1)])
                    .areas(page);
            summary::draw(screen, frame, summary);
            table::draw(screen, frame, table);
        }
        Page::Function(_) => function::draw(screen, frame, page),
    }
    foot::draw(screen, frame, foot);
    if let Some(explained) = screen.explained {
        screen.explained = Some(help::draw(screen, explained.first, frame, page));
    }
}

/// The table without a frame around it, for what is no terminal: lines of text.
pub use table::text;
