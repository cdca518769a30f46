//! Compares what addresses are named with what binutils' addr2line and llvm-symbolizer say, for
//! each instruction of small programs built in all the ways that debug information is made.
//!
//! A frame has to equal that of one of the two, level by level: name, file and line. Where they
//! disagree with each other, as they do in places, no third answer is accepted.

#[path = "fuzz/bodies/symbolize.rs"]
mod fuzzed;
mod workshop;

#[path = "symbolize/compilers.rs"]
mod compilers;
#[path = "symbolize/damaged.rs"]
mod damaged;
#[path = "symbolize/debug_files.rs"]
mod debug_files;
#[path = "symbolize/functions.rs"]
mod functions;
#[path = "symbolize/servers.rs"]
mod servers;
#[path = "symbolize/symbols.rs"]
mod symbols;
#[path = "symbolize/tools.rs"]
mod tools;
