//! `heaptrace top`: a program's heap on the terminal while it runs.
//!
//! ```text
//! run ─ terminal, keys, signals; a thread asks for profiles
//!  │
//!  ├─ draw ─ the screen, as a picture
//!  │    │
//!  └────┴─ state ─ what is shown and what keys do
//!            │
//!            ├─ detail ─ a function, in the views of `report`
//!            └─ table ─ history ─ sight: rows, over time, of one profile
//! ```

mod detail;
mod draw;
mod history;
mod keys;
mod once;
mod run;
mod sight;
mod state;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod watched;
mod words;

pub use once::once;
pub use run::run;
pub use watched::{Choice, Watched};
