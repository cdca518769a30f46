//! The terminal: taken for the screen, and given back as it was, whatever ends or stops us.

use std::io;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;

/// Signals that the screen hears of.
pub const SIGNALS: [i32; 6] = [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];

/// The terminal, as long as the screen has it.
#[derive(Debug)]
pub struct Screened {
    /// To draw on.
    pub terminal: DefaultTerminal,
}

impl Screened {
    /// Takes the terminal. A panic gives it back before it is told.
    ///
    /// # Errors
    /// If there is none.
    pub fn take() -> io::Result<Screened> {
        Ok(Screened { terminal: ratatui::try_init()? })
    }

    /// Gives it back and does what a signal does without us: for ever, or until somebody has us go on; then
    /// takes it again.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn obey(&mut self, signal: i32) -> io::Result<()> {
        if signal != SIGCONT {
            ratatui::try_restore()?;
            emulate_default_handler(signal)?;
        }
        // After a SIGSTOP, of which nobody hears, a shell may have changed the terminal's mode, and others its
        // picture. What was drawn is forgotten: to ask the terminal where it is would take its answer from the keys.
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(())
    }
}

impl Drop for Screened {
    fn drop(&mut self) {
        // There may be no terminal any more.
        let _ = ratatui::try_restore();
    }
}
