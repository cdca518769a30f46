//! The line at the foot: what keys do here, what is searched for, what was wrong with the last key.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::style::{FAINT, KEY, WARNING};
use crate::screen::state::{Page, Screen};
use crate::screen::words::{self, Key};

/// Draws it.
pub fn draw(screen: &Screen, frame: &mut Frame, area: Rect) {
    let mut spans = Vec::new();
    if screen.is_searching {
        spans.extend([Span::styled("/", KEY), Span::raw(screen.search.clone()), Span::raw("█  ")]);
        add_keys(&mut spans, &words::SEARCH, area.width);
    } else if let Some(note) = &screen.note {
        spans.push(Span::styled(note.clone(), WARNING));
    } else {
        add_keys(&mut spans, keys(screen), area.width);
    }
    frame.render_widget(Line::from(spans), area);
}

/// The keys of the page.
pub fn keys(screen: &Screen) -> &'static [Key] {
    match screen.page {
        Page::Programs => &words::PROGRAMS,
        Page::Table => &words::TABLE,
        Page::Function(_) => &words::FUNCTION,
    }
}

/// As many as there is room for. Help and the way out come last, and are left out first: `?` tells of all.
fn add_keys(spans: &mut Vec<Span>, keys: &[Key], width: u16) {
    let mut used: usize = spans.iter().map(Span::width).sum();
    for key in keys.iter().filter(|key| !key.short.is_empty()) {
        let more = [Span::styled(key.keys, KEY), Span::styled(format!(" {}  ", key.short), FAINT)];
        used += more.iter().map(Span::width).sum::<usize>();
        // The last two columns may be spaces that nobody misses.
        if used > usize::from(width) + 2 {
            return;
        }
        spans.extend(more);
    }
}
