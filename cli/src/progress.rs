//! How far looking names up has come, for whoever waits at a terminal.

use std::cell::OnceCell;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_report::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::messages;

/// How often what is shown changes.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// How long nothing is shown: most names are there by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line on standard error, if that is a terminal, which goes when it is dropped.
#[derive(Debug)]
pub struct StatusLine {
    quiet: bool,
    since: Instant,
    /// Made when it is needed: most are not.
    bar: OnceCell<ProgressBar>,
}

impl StatusLine {
    /// Shows nothing yet, and never if it is to be `quiet`.
    pub fn new(quiet: bool) -> StatusLine {
        StatusLine { quiet, since: Instant::now(), bar: OnceCell::new() }
    }

    /// Shows a text instead of the one before, once somebody has waited for a second.
    pub fn show(&self, text: &str) {
        if self.quiet || self.since.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(bar);
        if bar.message() != text {
            if bar.message().is_empty() {
                say::begin_line();
            }
            bar.set_message(text.to_owned());
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.bar.get().into_iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("heaptrace: {wide_msg}").expect("the template is valid");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}

/// Does `work`, and shows meanwhile how far `symbolizer` has come.
pub fn shown_during<T>(symbolizer: &Symbolizer, work: impl FnOnce() -> T) -> T {
    let (done, waiting) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let line = StatusLine::new(false);
            while waiting.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                line.show(&messages::names::progress(&symbolizer.progress()));
            }
        });
        let result = work();
        drop(done);
        result
    })
}
