//! All stacks of a profile as one tree of calls, from which the viewer in a browser makes its views.

pub mod build;
pub mod excerpt;
pub mod frame;
pub mod near;
pub mod prune;
pub mod tree;
