//! Writing views: as text, as pictures, as files for other programs.

pub mod blocks;
pub mod browser;
pub mod callgrind;
pub mod disassembly;
pub mod dot;
pub mod flame;
pub mod growth;
pub mod html;
pub mod json;
pub mod listing;
pub mod new_file;
pub mod output;
pub mod picture;
pub mod raw;
pub mod shorten;
pub mod text;
pub mod xml;
