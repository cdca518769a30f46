//! A small HTTP server for a few clients on this machine, which nobody can hold up.
//!
//! - One request a connection, each on a thread of its own; who comes when there are too many is told
//!   so and not waited for.
//! - Every read and every write has a deadline, every request a size that it may have.
//! - [`Access`] tells whom to answer: no page of a foreign site, whatever its name leads to, and nobody
//!   without the token if there is one.

#![forbid(unsafe_code)]

mod access;
mod address;
mod connection;
mod request;
mod response;
mod server;

pub use access::Access;
pub use address::{Address, BadAddress, Socket};
pub use request::Request;
pub use response::Response;
pub use server::serve;
