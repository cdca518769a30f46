//! What addresses are in.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// An ELF file as it was mapped into the process.
#[derive(Debug, Clone)]
pub struct Module {
    /// Lowest mapped address.
    pub start: u64,
    /// End of the highest mapping.
    pub end: u64,
    /// What was added to the file's addresses (p_vaddr) to get addresses in memory.
    pub bias: u64,
    /// The file's name as the program loaded it (`[vdso]` for the kernel's own).
    pub path: PathBuf,
    /// GNU build id, read from the program's memory; empty if there is none.
    pub build_id: Vec<u8>,
    /// The file that was mapped, opened while the process lived if that was possible.
    pub file: Option<Arc<File>>,
}

/// An address in a stack: that of the call (return address − 1), or of the interrupted instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// The address in the process.
    pub address: u64,
    /// Index of the module that was mapped there at that time.
    pub module: Option<u32>,
}
