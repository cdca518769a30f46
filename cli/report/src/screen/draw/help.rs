//! What keys and columns are, over the page.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::foot::keys;
use super::style::{FAINT, KEY, STRONG};
use crate::screen::state::{Page, Screen};
use crate::screen::words;

/// Columns of the keys' names.
const NAMES: usize = 9;

/// Draws it.
pub fn draw(screen: &Screen, frame: &mut Frame, area: Rect) {
    let line = |name: &str, what: &str| {
        Line::from(vec![Span::styled(format!("{name:>NAMES$}"), KEY), Span::raw(format!("  {what}"))])
    };
    let mut lines: Vec<Line> = keys(screen).iter().map(|key| line(key.keys, key.what)).collect();
    if matches!(screen.page, Page::Table) {
        lines.push(Line::default());
        lines.extend(words::COLUMNS.iter().map(|(name, what)| line(name, what)));
    }
    let width = lines.iter().map(Line::width).max().unwrap_or(0) + 4;
    let height = lines.len() + 2;
    let [width, height] = [width, height].map(|length| u16::try_from(length).unwrap_or(u16::MAX));
    let inside = area.centered(
        ratatui::layout::Constraint::Length(width.min(area.width)),
        ratatui::layout::Constraint::Length(height.min(area.height)),
    );
    let block = Block::bordered()
        .title(Line::styled(words::HELP_TITLE, STRONG))
        .title_bottom(Line::styled(words::HELP_END, FAINT).right_aligned());
    frame.render_widget(Clear, inside);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), inside);
}
