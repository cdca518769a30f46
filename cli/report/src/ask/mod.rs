//! What is asked for, on the command line and at the prompt.

mod args;
mod command;
mod config;
mod first_screen;
mod history;
mod objdump;
mod option_args;
mod prompt;
mod run;
mod serve;
mod setting;
pub mod source_files;
mod user_folder;
mod view_args;
pub mod viewer;

pub use args::{Args, two_dashes};
pub use run::{run, show};
