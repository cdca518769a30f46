//! `heaptrace check`: budgets for CI.
//!
//! ```text
//! command ─ args ─ recording (runs) ─ budgets (the file: limits, suppressions)
//!    │
//!    ├─ judge ─ account, verdict ─ render (text, JSON, JUnit, Markdown, GitHub)
//!    ├─ update (rewrites the file)
//!    └─ self_test (with waste)
//! ```

mod account;
mod amount;
mod args;
mod budgets;
mod command;
mod judge;
mod limits;
mod recording;
mod render;
mod self_test;
mod small_file;
mod suppressions;
mod update;
mod verdict;
mod waste;

pub use amount::Amount;
pub use args::Args;
pub use budgets::Scope;
pub use command::run;
pub use verdict::{Finding, Outcome, Suppressed, Verdict};
pub use waste::Waste;
