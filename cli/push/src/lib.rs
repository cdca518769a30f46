//! Sends the profiles of processes that are recorded to whoever keeps profiles: Pyroscope, or what speaks
//! OTLP.
//!
//! - Each profile has what was allocated since the last one of its process, and what is in use. The last
//!   one is made when the process has ended, however it did, so that one that was over at once is seen.
//! - What is to be sent waits, within limits, for a server that has no time; meanwhile nothing more is
//!   made of processes that go on, whose next profile has all of it.
//! - Nothing here is waited for but by who asks, and by them for a short time.

#![forbid(unsafe_code)]

mod attributes;
mod client;
mod connect;
mod fitting;
mod follower;
mod id;
mod ingest;
mod moment;
mod otlp;
mod outbox;
mod pushed;
mod pushing;
mod request;
mod settings;
mod target;

pub use attributes::{BadLabel, Label};
pub use pushed::Pushed;
pub use pushing::{Account, Pushing};
pub use settings::{BadSettings, Settings};
pub use target::{BadTarget, TOKEN, Target};
