//! The session that this process belongs to: what the environment says of it, where its collector is, and
//! who is told of it.

pub mod ancestors;
pub mod announce;
mod child;
mod complain;
mod hand_over;
mod joined;
mod net;
mod plain;
mod settings;
mod spawn;
mod text;

pub use complain::complain;
pub use hand_over::{hand_over, shared_file};
pub use joined::{Joined, Way};
#[cfg(any(feature = "counting", test))]
pub use net::connect;
pub use net::{receive, receive_byte, ring};
pub use plain::Plain;
pub use settings::Settings;
pub use spawn::{is_recorded, not_profiled};
pub use text::Text;
