//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::screen::detail::{Body, Detail, Face, INDEXES, Role};
use crate::screen::sight::Grouping;
use crate::screen::state::{Explained, Page, Screen};
use crate::screen::table::Order;
use crate::screen::words;

/// What whoever runs the screen is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing else.
    Nothing,
    /// Leave.
    Quit,
    /// Stop, until somebody has it go on.
    Stop,
    /// Look at this process from now on.
    Watch(u32),
    /// Look at the list of programs.
    List,
    /// Look at nothing new, or again.
    Freeze(bool),
}

/// Does what a key says.
pub fn press(screen: &mut Screen, key: KeyEvent) -> Wish {
    screen.note = None;
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Wish::Quit,
        KeyCode::Char('z') if key.modifiers.contains(KeyModifiers::CONTROL) => return Wish::Stop,
        code if let Some(Explained { first, goes_on }) = screen.explained => {
            let by = distance(code, screen.room).filter(|_| goes_on);
            screen.explained = by.map(|by| Explained { first: first.saturating_add_signed(by), goes_on });
            return if code == KeyCode::Char('q') { Wish::Quit } else { Wish::Nothing };
        }
        _ if screen.is_searching => {
            search(screen, key.code);
            return Wish::Nothing;
        }
        KeyCode::Char('q') => return Wish::Quit,
        KeyCode::Char('?') => screen.explained = Some(Explained::default()),
        KeyCode::Char(' ') if !matches!(screen.page, Page::Programs) => {
            screen.is_frozen = !screen.is_frozen;
            return Wish::Freeze(screen.is_frozen);
        }
        code => {
            if let Some(by) = distance(code, screen.room) {
                screen.go(by);
                return Wish::Nothing;
            }
            return match screen.page.clone() {
                Page::Programs => in_programs(screen, code),
                Page::Table => in_table(screen, code),
                Page::Function(detail) => in_function(screen, code, detail),
            };
        }
    }
    Wish::Nothing
}

/// How far a key goes down on a page of `room` rows.
fn distance(code: KeyCode, room: usize) -> Option<isize> {
    let page = isize::try_from(room.max(2) - 1).unwrap_or(1);
    Some(match code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown => page,
        KeyCode::PageUp => -page,
        KeyCode::Home => isize::MIN,
        KeyCode::End => isize::MAX,
        _ => return None,
    })
}

fn search(screen: &mut Screen, code: KeyCode) {
    match code {
        KeyCode::Char(character) => screen.search.push(character),
        KeyCode::Backspace => drop(screen.search.pop()),
        KeyCode::Enter => screen.is_searching = false,
        KeyCode::Esc => (screen.is_searching, screen.search) = (false, String::new()),
        _ => {}
    }
    screen.arrange();
}

fn in_programs(screen: &mut Screen, code: KeyCode) -> Wish {
    match (code, screen.programs.get(screen.program)) {
        (KeyCode::Enter, Some(program)) => {
            let pid = program.pid;
            screen.page = Page::Table;
            screen.forget();
            Wish::Watch(pid)
        }
        (KeyCode::Esc, _) => Wish::Quit,
        _ => Wish::Nothing,
    }
}

fn in_table(screen: &mut Screen, code: KeyCode) -> Wish {
    match code {
        KeyCode::Enter => return open(screen),
        KeyCode::Char('s') => screen.order = screen.order.next(),
        KeyCode::Char('u') => screen.order = Order::InUse,
        KeyCode::Char('g') => screen.order = Order::Growth,
        KeyCode::Char('a') => screen.order = Order::Allocated,
        KeyCode::Char('/') => screen.is_searching = true,
        KeyCode::Char('o') => {
            screen.selected = None;
            screen.grouping = match screen.grouping {
                Grouping::Own => Grouping::All,
                Grouping::All => Grouping::Own,
            };
        }
        KeyCode::Esc if !screen.search.is_empty() => screen.search.clear(),
        KeyCode::Esc | KeyCode::Backspace if screen.has_programs => {
            screen.page = Page::Programs;
            screen.is_frozen = false;
            return Wish::List;
        }
        _ => return Wish::Nothing,
    }
    screen.arrange();
    Wish::Nothing
}

fn open(screen: &mut Screen) -> Wish {
    let Some(line) = screen.lines.get(screen.position()) else { return Wish::Nothing };
    let (name, function) = (line.name.clone(), line.function.clone());
    // It stays chosen, wherever it goes meanwhile.
    screen.selected = Some(name);
    match function.is_empty() {
        true => screen.note = Some(words::NO_FUNCTION.to_owned()),
        false => {
            let index = usize::from(screen.order == Order::Allocated);
            screen.open(Detail::new(function, index));
        }
    }
    Wish::Nothing
}

fn in_function(screen: &mut Screen, code: KeyCode, mut detail: Detail) -> Wish {
    match code {
        KeyCode::Esc | KeyCode::Backspace => match detail.back.pop() {
            Some(function) => (detail.function, detail.line) = (function, 0),
            None => {
                screen.page = Page::Table;
                return Wish::Nothing;
            }
        },
        KeyCode::Tab => {
            let next = detail.face.next();
            turn(&mut detail, next);
        }
        KeyCode::Char(digit @ '1'..='5') => {
            turn(&mut detail, Face::ALL[digit as usize - '1' as usize].0);
        }
        KeyCode::Char('i') => detail.index = (detail.index + 1) % INDEXES.len(),
        KeyCode::Right | KeyCode::Char('l') => detail.column = detail.column.saturating_add(8),
        KeyCode::Left | KeyCode::Char('h') => detail.column = detail.column.saturating_sub(8),
        KeyCode::Enter => match screen.shown() {
            Some(Body::Calls(calls)) => match calls.get(detail.line) {
                Some(call) if call.role != Role::Itself => {
                    let before = std::mem::replace(&mut detail.function, call.name.clone());
                    detail.back.push(before);
                    detail.line = 0;
                }
                _ => return Wish::Nothing,
            },
            _ => return Wish::Nothing,
        },
        _ => return Wish::Nothing,
    }
    screen.open(detail);
    Wish::Nothing
}

fn turn(detail: &mut Detail, face: Face) {
    (detail.face, detail.line, detail.column) = (face, 0, 0);
}
