//! Commands to sessions that run: `heaptrace ps`, `snapshot`, `mark`, `rate`, `top`.

mod client;
mod mark;
mod ps;
mod rate;
mod session;
mod snapshot;
mod socket;
mod top;

pub use mark::{Args as MarkArgs, run as mark};
pub use ps::{Args as PsArgs, run as ps};
pub use rate::{Args as RateArgs, run as rate};
pub use snapshot::{Args as SnapshotArgs, run as snapshot};
pub use socket::listen;
pub use top::{Args as TopArgs, run as top};
