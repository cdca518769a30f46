//! The loop: what happens, one after the other, and the screen after each.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::process::{Signal, getpgrp, kill_process_group};
use signal_hook::iterator::Signals;

use crate::screen::draw::draw;
use crate::screen::keys::{Wish, press};
use crate::screen::sight::Sight;
use crate::screen::state::{News, Screen};
use crate::screen::terminal::{SIGNALS, Screened};
use crate::screen::watched::Watched;
use crate::screen::words;

/// A look takes at most one part in so many of the time, so that it costs little, however much there is to see.
const PARTS: u32 = 10;

/// What happens.
enum Happening {
    Terminal(io::Result<Event>),
    Signal(i32),
    News(News),
    /// Nobody looks any more, by a fault that has been told.
    Over,
}

/// What is looked at.
enum Look {
    At(u32),
    AtAll,
    Frozen(bool),
}

/// Watches a program, or those that there are, at such an interval, until somebody has seen enough.
///
/// # Errors
/// If there is no terminal.
pub fn run(watched: impl Watched + 'static, pid: Option<u32>, interval: Duration) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() {
        bail!(words::NO_TERMINAL);
    }
    let (happens, happening) = unbounded();
    let (looks, look) = unbounded();
    // Signals are heard of from before the terminal is taken until after it is given back.
    hear_signals(happens.clone())?;
    looks.send(pid.map_or(Look::AtAll, Look::At)).ok();
    let mut screened = Screened::take().context(words::NO_TERMINAL)?;
    let news = Looking(happens.clone());
    thread::spawn(move || watch(watched, interval, &look, &news.0));
    thread::spawn(move || while happens.send(Happening::Terminal(event::read())).is_ok() {});
    let mut screen = Screen::new(pid.is_none());
    screened.terminal.draw(|frame| draw(&mut screen, frame))?;
    while let Ok(first) = happening.recv() {
        // All that has happened meanwhile is seen at once.
        for happening in [first].into_iter().chain(happening.try_iter()) {
            let wish = match happening {
                Happening::Terminal(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    press(&mut screen, key)
                }
                Happening::Terminal(Ok(_)) => Wish::Nothing,
                Happening::Terminal(Err(error)) => return Err(error.into()),
                Happening::Signal(signal) => {
                    screened.obey(signal)?;
                    Wish::Nothing
                }
                Happening::News(news) => {
                    screen.see(news);
                    Wish::Nothing
                }
                Happening::Over => bail!(words::OVER),
            };
            match wish {
                Wish::Nothing => {}
                Wish::Quit => return Ok(()),
                Wish::Stop => stop()?,
                Wish::Watch(pid) => drop(looks.send(Look::At(pid))),
                Wish::List => drop(looks.send(Look::AtAll)),
                Wish::Freeze(frozen) => drop(looks.send(Look::Frozen(frozen))),
            }
        }
        screened.terminal.draw(|frame| draw(&mut screen, frame))?;
    }
    Ok(())
}

/// Whoever looks tells with it what is seen, and when it ends, however that is.
struct Looking(Sender<Happening>);

impl Drop for Looking {
    fn drop(&mut self) {
        // Nobody may be there to hear.
        let _ = self.0.send(Happening::Over);
    }
}

/// Has the signals sent that there are from now on.
fn hear_signals(happens: Sender<Happening>) -> io::Result<()> {
    let mut signals = Signals::new(SIGNALS)?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if happens.send(Happening::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Stops all that were started with us, as the terminal does for programs that leave Ctrl-Z to it.
fn stop() -> io::Result<()> {
    Ok(kill_process_group(getpgrp(), Signal::TSTP)?)
}

/// Looks, over and over, at what is asked for.
fn watch(
    mut watched: impl Watched,
    interval: Duration,
    looks: &Receiver<Look>,
    happens: &Sender<Happening>,
) -> Option<()> {
    let (mut at, mut is_frozen) = (None, false);
    let mut pause = Duration::ZERO;
    loop {
        let look = match is_frozen {
            true => looks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => looks.recv_timeout(pause),
        };
        match look {
            Ok(Look::At(pid)) => (at, is_frozen) = (Some(pid), false),
            Ok(Look::AtAll) => (at, is_frozen) = (None, false),
            Ok(Look::Frozen(frozen)) => is_frozen = frozen,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        if is_frozen {
            continue;
        }
        let begun = Instant::now();
        let news = match at {
            None => News::Programs(watched.choices()),
            Some(pid) => match watched.profile(pid).and_then(|file| Sight::new(&file)) {
                Ok(sight) => {
                    let every = interval.max(begun.elapsed() * PARTS);
                    News::Sight(Box::new(sight), every.as_secs_f64())
                }
                Err(error) => match watched.choices().iter().any(|choice| choice.pid == pid) {
                    true => News::Missed(format!("{error:#}")),
                    false => News::Gone(format!("{error:#}")),
                },
            },
        };
        // Of a program that is gone there will be no more.
        is_frozen = matches!(news, News::Gone(_));
        let took = begun.elapsed();
        pause = interval.max(took * PARTS) - took;
        happens.send(Happening::News(news)).ok()?;
    }
}
