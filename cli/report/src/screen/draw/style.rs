//! Colours, of the sixteen that the user's terminal has.

use ratatui::style::{Color, Modifier, Style};

/// The line at the top.
pub const TITLE: Style = Style::new().add_modifier(Modifier::REVERSED).add_modifier(Modifier::BOLD);
/// What is chosen.
pub const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
/// What stands over a column.
pub const HEADING: Style = Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED);
/// A name of the program's.
pub const NAME: Style = Style::new().fg(Color::Cyan);
/// A key.
pub const KEY: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
/// What explains.
pub const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// What to look at.
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// What somebody should do something about.
pub const WARNING: Style = Style::new().fg(Color::Yellow);
/// What grows.
pub const MORE: Style = Style::new().fg(Color::Red);
/// What shrinks.
pub const LESS: Style = Style::new().fg(Color::Green);
/// Over time.
pub const CHART: Style = Style::new().fg(Color::Blue);
