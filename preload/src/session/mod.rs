//! The session that this process belongs to: what the environment says of it, where its collector is, and
//! who is told of it.

pub mod ancestors;
pub mod announce;
mod child;
mod complain;
mod joined;
mod net;
mod settings;
mod spawn;
mod text;

pub use complain::complain;
pub use joined::{Joined, join};
pub use net::{receive, receive_byte, send};
pub use settings::Settings;
pub use spawn::is_recorded;
pub use text::Text;
