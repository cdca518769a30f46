//! What was found out about addresses.

use std::sync::Arc;

use hashbrown::HashMap;

use super::function::Function;
use super::module::Frame;

/// A function, and a line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedFrame {
    /// The function, shared by all frames in it.
    pub function: Arc<Function>,
    /// The line in [`Function::file`], from 1; 0 if unknown.
    pub line: u64,
}

/// A part of a file, mapped with permission to execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First address in the process.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
    /// Offset in the file of the first byte.
    pub offset: u64,
}

/// What was found out about the addresses of a profile.
#[derive(Debug, Clone, Default)]
pub struct Symbols {
    /// Of each frame what it stands for, innermost first.
    pub(super) frames: HashMap<Frame, Arc<[ResolvedFrame]>>,
    /// Of each module.
    pub(super) segments: Vec<Vec<Segment>>,
}

impl Symbols {
    /// What `frame` stands for, innermost first; empty if nothing was looked up or its address is
    /// in no module and no map of generated code.
    pub fn lookup(&self, frame: Frame) -> &[ResolvedFrame] {
        self.frames.get(&frame).map_or(&[], |frames| frames)
    }

    /// The executable segments of the module with that index; empty if its file is not to be had.
    pub fn segments(&self, module: u32) -> &[Segment] {
        self.segments.get(module as usize).map_or(&[], Vec::as_slice)
    }
}
