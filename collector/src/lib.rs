//! The collector: reads what the library recorded in a profiled program and makes profiles of it.

mod add_names;
mod files;
mod fold;
mod functions;
mod image;
mod kin;
mod limits;
mod listener;
mod live;
mod mapping;
mod modules;
pub mod naming;
mod profile;
pub mod recording;
pub mod session;
mod stacks;
pub mod stderr;
pub mod summary;
mod wake;
mod watch;
mod writer;

pub use add_names::{Filled, Sought, add_names};
pub use heaptrace_symbolize as symbolize;
pub use image::Program;
pub use kin::ProcessEvents;
pub use listener::Sockets;
pub use profile::profile;

/// A path from bytes as the kernel has them.
fn os_path(bytes: &[u8]) -> std::path::PathBuf {
    <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into()
}
