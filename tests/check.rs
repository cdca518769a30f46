//! `heaptrace check`, end to end: its outcomes, its formats, its runs, and its file.

#[path = "report/builder.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod builder;
#[path = "check/desk.rs"]
mod desk;
#[path = "check/document.rs"]
mod document;
#[path = "check/formats.rs"]
mod formats;
#[path = "check/outcomes.rs"]
mod outcomes;
#[path = "check/runs.rs"]
mod runs;
mod support;
#[path = "check/suppressions.rs"]
mod suppressions;
#[path = "check/updates.rs"]
mod updates;
