//! The collector: reads what the library recorded in a profiled program and makes profiles of it.

mod add_names;
mod attention;
mod copied;
mod files;
mod fold;
mod functions;
mod image;
mod kin;
mod limits;
mod listener;
mod live;
mod mapping;
mod members;
mod modules;
pub mod naming;
mod output;
mod path;
mod pieces;
mod profile;
mod program;
pub mod recording;
pub mod request;
pub mod session;
pub mod snapshot;
mod stacks;
pub mod stderr;
pub mod summary;
mod wake;
mod watch;
mod writer;

pub use add_names::{Filled, Sought, add_names};
pub use heaptrace_symbolize as symbolize;
pub use kin::ProcessEvents;
pub use listener::Sockets;
pub use profile::profile;
pub use program::Program;
