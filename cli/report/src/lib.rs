//! `heaptrace report`: reading profiles, ours and those of any other writer of `profile.proto`.
//!
//! ```text
//! ask ─ what is wanted: arguments, the prompt; screen ─ `heaptrace top`
//!  │
//!  ├─ render ─ writes views: text, JSON, pictures, files
//!  │    │
//!  └────┴─ view ─ what can be seen, as values: filter, graph, top, tree, list, …
//!            │
//!            └─ profile ─ files, merged, in memory
//! ```

#![forbid(unsafe_code)]

mod ask;
mod measure;
mod pattern;
mod profile;
mod render;
pub mod say;
pub mod screen;
mod view;

pub use ask::{Args, run, show, two_dashes, viewer};
pub use measure::{grouped, label, running};
pub use pattern::Pattern;
pub use render::output::Output;
pub use render::shorten::to_width;
pub use render::xml::escaped;
pub use view::cost;
pub use view::noise::{Estimate, INTERVAL_95};
