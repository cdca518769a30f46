//! The headers of an ELF file that it is run by.

use goblin::container::Ctx;
use goblin::elf::{Elf, Header, ProgramHeader};
use goblin::elf64::header::SIZEOF_EHDR;

use super::source::{Part, Source};

/// The first headers of an ELF file: what it is, and what of it is loaded.
#[derive(Debug)]
pub(super) struct Headers {
    pub(super) source: Source,
    pub(super) header: Header,
    /// The byte order and word size that goblin's parsers need.
    pub(super) ctx: Ctx,
    pub(super) segments: Vec<ProgramHeader>,
}

impl Headers {
    /// Reads them; segments that make no sense are none. `None` if it is no ELF file.
    pub(super) fn read(source: Source) -> Option<Headers> {
        // The header of a 64-bit file is the longer one; a smaller file has no code in it.
        let header = Elf::parse_header(&source.part(0, SIZEOF_EHDR as u64)?.bytes()?).ok()?;
        let ctx = Ctx::new(header.container().ok()?, header.endianness().ok()?);
        let segments = segments(&source, &header, ctx).unwrap_or_default();
        Some(Headers { source, header, ctx, segments })
    }

    /// The `size` bytes from `offset` of the file, if there are so many.
    pub(super) fn part(&self, offset: u64, size: u64) -> Option<Part> {
        self.source.part(offset, size)
    }

    /// The contents of the first segment of that kind, one of goblin's `PT_…`.
    pub(super) fn segment(&self, kind: u32) -> Option<Part> {
        let found = self.segments.iter().find(|segment| segment.p_type == kind)?;
        self.part(found.p_offset, found.p_filesz)
    }
}

fn segments(source: &Source, header: &Header, ctx: Ctx) -> Option<Vec<ProgramHeader>> {
    let count = usize::from(header.e_phnum);
    let bytes = source.part(header.e_phoff, (count * ProgramHeader::size(ctx)) as u64)?.bytes()?;
    ProgramHeader::parse(&bytes, 0, count, ctx).ok()
}
