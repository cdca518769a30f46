//! What a session answers while its processes go on: profiles for any pprof tool, and the commands of
//! its own user, over HTTP.

mod gate;
mod heap;
mod index;
mod kept;
mod metrics;
mod owner;
mod plain;
mod routes;
mod serving;
mod site;
mod start;
mod unserved;
mod viewer;

pub use owner::{MARK, PROCESSES, RATE, SNAPSHOT};
pub use start::{Endpoints, TOKEN};
