//! Names of addresses: for each address in a profile the functions, files and lines it stands for,
//! inlined calls included.
//!
//! What is known of an address is taken from, in this order: DWARF, of the module or of its
//! separate debug file; symbol tables; the map that a program writes of code it makes at run time;
//! else its name is the module and where the function begins, or the address, in the module's file.

#![forbid(unsafe_code)]

mod binary;
mod cache;
mod code;
mod complaint;
mod contain;
mod contents;
mod debug_file;
mod debuginfod;
mod demangle;
mod dlang;
mod dwarf;
mod elf;
mod function;
mod function_bounds;
mod headers;
mod hex;
mod kept;
mod kept_names;
mod later;
mod linkage;
mod lock;
mod module;
mod open_files;
mod options;
mod perf_map;
mod plt;
mod progress;
mod regular;
mod resolved;
mod roots;
mod source;
mod symbol_table;
mod symbolizer;
mod vdso;

pub use binary::Located;
pub use code::{Code, CodeSegment, NamedFunction};
pub use complaint::Complaint;
pub use contain::panics_are_contained;
pub use function::Function;
pub use hex::hex;
pub use kept::{Kept, KeptFile};
pub use linkage::Linkage;
pub use module::{Frame, Module};
pub use options::{Mode, Options};
pub use progress::Progress;
pub use regular::{open_regular, regular};
pub use resolved::{ResolvedFrame, Segment, Symbols};
pub use roots::{NoRoots, tls_to};
pub use symbolizer::Symbolizer;
