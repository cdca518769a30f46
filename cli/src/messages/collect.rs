//! What the collector says by itself, as it happens.

use std::io;
use std::path::Path;

use heaptrace_collector::summary::{Outcome, Series, Written};
use heaptrace_http::Address;
use heaptrace_push::Pushed;

/// That a variable's value is not understood.
pub fn bad_variable(name: &str, why: &anyhow::Error) -> String {
    format!("{name}: {why}; it is as if it were not set")
}

/// That clients cannot be served there.
pub fn cannot_listen(address: &Address) -> String {
    format!("cannot serve at {address}")
}

/// That clients cannot be served there, with the reason.
pub fn cannot_serve(address: &Address, why: &io::Error) -> String {
    format!("{}: {why}", cannot_listen(address))
}

/// That the profile could not be written, before there is one.
pub fn cannot_write(path: &Path, why: &io::Error) -> String {
    format!("cannot write the profile {}: {why}", path.display())
}

/// That there is no profile of a process, as it could not be written.
pub fn not_written(written: &Written) -> String {
    let Written { path, name, pid, outcome, .. } = written;
    let (path, name) = (path.display(), name.display());
    let why = if let Outcome::Failed(why) = outcome { why } else { "" };
    format!("the profile of {name} (pid {pid}) could not be written: {path}: {why}")
}

/// That a profile could not be written of a process that goes on.
pub fn no_snapshot(series: &Series) -> Option<String> {
    let Series { name, pid, failed, .. } = series;
    let why = failed.as_ref()?;
    Some(format!("a profile of {} (pid {pid}) could not be written while it went on: {why}", name.display()))
}

/// That a profile could not be sent, the first time.
pub fn cannot_push(pushed: &Pushed) -> String {
    let Pushed { to, why, waiting, .. } = pushed;
    let again = if *waiting > 0 { "; it will be tried again" } else { "" };
    format!("a profile could not be pushed to {to}: {}{again}", why.as_deref().unwrap_or_default())
}
