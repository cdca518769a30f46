//! What keys and columns are, over the page.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::foot::keys;
use super::style::{FAINT, KEY, STRONG};
use crate::screen::state::{Explained, Page, Screen};
use crate::screen::words;

/// Columns of the keys' names.
const NAMES: usize = 9;
/// Columns on both sides of what they do: names, a gap, the frame.
const BESIDE: usize = NAMES + 2 + 2;

/// Draws it: as much as there is room for, from the line `first` on.
pub fn draw(screen: &Screen, first: usize, frame: &mut Frame, area: Rect) -> Explained {
    let mut all: Vec<_> = keys(screen).iter().map(|key| (key.keys, key.what)).collect();
    if matches!(screen.page, Page::Table) {
        all.push(("", ""));
        all.extend(&words::COLUMNS);
    }
    let room = usize::from(area.width).saturating_sub(BESIDE);
    let lines: Vec<Line> = all.iter().flat_map(|(name, what)| explained(name, what, room)).collect();
    let width = lines.iter().map(Line::width).max().unwrap_or(0) + 4;
    let [width, height] = [width, lines.len() + 2].map(|length| u16::try_from(length).unwrap_or(u16::MAX));
    let inside =
        area.centered(Constraint::Length(width.min(area.width)), Constraint::Length(height.min(area.height)));
    let first = first.min(lines.len().saturating_sub(usize::from(inside.height.saturating_sub(2))));
    let goes_on = inside.height < height;
    let end = if goes_on { words::HELP_GOES_ON } else { words::HELP_END };
    let block = Block::bordered()
        .title(Line::styled(words::HELP_TITLE, STRONG))
        .title_bottom(Line::styled(end, FAINT).right_aligned());
    frame.render_widget(Clear, inside);
    let shown: Vec<Line> = lines.into_iter().skip(first).collect();
    frame.render_widget(Paragraph::new(shown).block(block), inside);
    Explained { first, goes_on }
}

/// A key and what it does, in lines of at most `room` columns beside the key.
fn explained(name: &'static str, what: &str, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![String::new()];
    for word in what.split(' ') {
        let last = lines.len() - 1;
        match lines[last].chars().count() {
            0 => lines[last].push_str(word),
            length if length + 1 + word.chars().count() <= room => lines[last] += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let line = |(name, text)| {
        Line::from(vec![Span::styled(format!("{name:>NAMES$}"), KEY), Span::raw(format!("  {text}"))])
    };
    names.zip(lines).map(line).collect()
}
