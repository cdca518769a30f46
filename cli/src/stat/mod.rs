//! `heaptrace stat`: counts instead of samples, of one program or of two that are compared.
//!
//! ```text
//! args ─ session ─ launch ─ runs ─┬─ comparison ─ stacks
//!                                 └─ text, Markdown, Go's benchmark format, JSON
//! ```

mod args;
mod bench;
mod command;
mod comparison;
mod json;
mod launch;
mod markdown;
mod metric;
mod runs;
mod session;
mod stacks;
mod statistics;
mod stdin;
mod text;

pub use args::Args;
pub use command::run;
