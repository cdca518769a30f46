//! The collector: reads what the library recorded in a profiled program and makes profiles of it.

mod descriptors;
mod files;
mod image;
mod listener;
mod live;
mod mapping;
mod modules;
pub mod naming;
pub mod pprof;
pub mod recording;
pub mod session;
pub mod symbolize;
mod wake;
mod watch;
pub mod whole_file;
mod writer;

pub use image::Program;
pub use listener::bind;

/// A path from bytes as the kernel has them.
fn os_path(bytes: &[u8]) -> std::path::PathBuf {
    <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into()
}
