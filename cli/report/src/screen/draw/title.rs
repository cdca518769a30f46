//! The line at the top: what is looked at, and how.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::style::{TITLE, WARNING};
use crate::render::shorten::to_width;
use crate::screen::state::{Page, Screen};
use crate::screen::words;

/// Draws it.
pub fn draw(screen: &Screen, frame: &mut Frame, area: Rect) {
    let (how, style) = how(screen);
    let width = u16::try_from(how.chars().count()).unwrap_or(0).min(area.width / 2);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
    frame.buffer_mut().set_style(area, TITLE);
    let what = to_width(&what(screen), Some(usize::from(left.width.max(4)) - 2));
    frame.render_widget(Line::from(format!(" {what}")).style(TITLE), left);
    frame.render_widget(Line::from(Span::styled(how, TITLE.patch(style))), right);
}

fn what(screen: &Screen) -> String {
    let header = screen.latest.as_ref().map(|latest| &latest.header);
    match (&screen.page, header) {
        (Page::Programs, _) => words::PROGRAMS_TITLE.to_owned(),
        (_, None) => words::WAITING.to_owned(),
        (_, Some(header)) => {
            let command = header.command.as_deref().unwrap_or_default();
            let pid = header.pid.as_ref().map(|pid| format!(" (pid {pid})"));
            format!("{command}{}", pid.unwrap_or_default())
        }
    }
}

fn how(screen: &Screen) -> (String, Style) {
    if let Some(when) = &screen.ended
        && !matches!(screen.page, Page::Programs)
    {
        (format!(" ■ {} ", words::ended(when)), WARNING)
    } else if screen.is_frozen {
        (format!(" ∥ {} ", words::FROZEN), WARNING)
    } else {
        (format!(" ● {} ", words::every(screen.every)), Style::new())
    }
}
