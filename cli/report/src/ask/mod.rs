//! What is asked for, on the command line and at the prompt.

mod args;
mod command;
mod history;
mod prompt;
mod run;
mod setting;
mod source_files;

pub use args::Args;
pub use run::{run, show};
