//! What can be seen of a profile: each view is computed once, as a value, and knows nothing of how it
//! is written.

pub mod basis;
pub mod call_graph;
pub mod call_tree;
pub mod cost;
pub mod disassembly;
pub mod filter;
pub mod flame;
pub mod graph;
pub mod header;
pub mod instructions;
pub mod label;
pub mod list;
pub mod node;
pub mod noise;
pub mod own;
pub mod pack;
pub mod paths;
pub mod tags;
pub mod time_line;
pub mod top;
pub mod traces;
pub mod tree;
pub mod viewer;
pub mod wrappers;
