//! Debug information in DWARF: which functions and lines an address stands for.
//!
//! Everything is read when the first address needs it, by whichever thread that is, and shared: the
//! bytes of sections too.
//! What cannot be read is treated as absent. Nothing recurses, and nothing takes longer than in
//! proportion to the file, but for what the deadline is for: units that share their abbreviations
//! or line tables.

mod containers;
mod debug_info;
mod entry;
mod frame;
mod functions;
mod lines;
mod ranges;
mod section;
mod sections;
mod slice;
mod unit;
mod unit_index;
mod units;

pub(crate) use debug_info::DebugInfo;
pub(crate) use frame::DwarfFrame;
