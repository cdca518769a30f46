//! How far looking names up has come, for whoever waits at a terminal.

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
    bar: ProgressBar,
    since: Instant,
}

impl StatusLine {
    /// Shows nothing yet, and never if it is to be `quiet`.
    pub fn new(quiet: bool) -> StatusLine {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("heaptrace: {wide_msg}").expect("the template is valid");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        StatusLine { bar, since: Instant::now() }
    }

    /// Shows a text instead of the one before, once somebody has waited for a second.
    pub fn show(&self, text: &str) {
        if self.since.elapsed() >= PATIENCE && self.bar.message() != text {
            if self.bar.message().is_empty() {
                say::begin_line();
            }
            self.bar.set_message(text.to_owned());
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
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
