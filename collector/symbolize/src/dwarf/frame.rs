//! What DWARF tells of a frame.

use super::entry::Description;
use super::lines::SourceLocation;

/// A frame as DWARF describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DwarfFrame {
    /// The linkage name, or if there is none the name in the source.
    pub(crate) name: Option<String>,
    /// The name in the source with its scopes, where it tells more.
    pub(crate) source_name: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u64>,
    /// Where the function is declared, if that is in `file`: an #include in a function, and #line as
    /// flex and bison write it, give it lines of other files.
    pub(crate) start_line: Option<u64>,
}

impl DwarfFrame {
    pub(super) fn new(function: Description, location: SourceLocation) -> DwarfFrame {
        let SourceLocation { file, line } = function.declaration;
        let is_elsewhere = file.is_some() && location.file.is_some() && file != location.file;
        DwarfFrame {
            name: function.name,
            source_name: function.source_name,
            file: location.file,
            line: location.line,
            start_line: line.filter(|_| !is_elsewhere),
        }
    }

    pub(super) fn unnamed(location: SourceLocation) -> DwarfFrame {
        DwarfFrame::new(Description::default(), location)
    }
}
