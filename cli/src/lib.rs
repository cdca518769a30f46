//! What `heaptrace` does. A library, so that its parts can be fuzzed.

mod apart;
pub mod check;
pub mod collect;
mod control;
mod interval;
pub mod library;
pub mod live;
mod mathematics;
mod messages;
mod own_folder;
pub mod pages;
mod platform;
pub mod progress;
pub mod run;
mod serve;
mod starter;
pub mod stat;
pub mod symbolize;
mod table;
