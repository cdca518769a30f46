//! ELF files: their headers, sections and build id, read piece by piece.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use goblin::container::{Ctx, Endian};
use goblin::elf::compression_header::{CompressionHeader, ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD};
use goblin::elf::note::{NT_GNU_BUILD_ID, NoteDataIterator};
use goblin::elf::program_header::{PT_LOAD, PT_NOTE};
use goblin::elf::section_header::{SHF_COMPRESSED, SHN_XINDEX, SHT_NOBITS, SHT_NOTE};
use goblin::elf::{ProgramHeader, SectionHeader};
use serde::{Deserialize, Serialize};

use super::contents::{Compression, Contents};
use super::headers::Headers;
use super::regular::open_regular;
use super::source::Source;

/// Largest note read, in bytes. Build ids have 20 bytes, some linkers' up to 64.
const NOTE_LIMIT: u64 = 1 << 16;

/// Longest name read, in bytes. Names of expression templates reach 50,000.
pub(super) const TEXT_LIMIT: usize = 1 << 16;

/// What tells of a file that it is the same, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
}

/// An ELF file, open, its headers parsed. Whatever in it makes no sense is treated as absent.
#[derive(Debug)]
pub(super) struct Elf {
    headers: Headers,
    sections: Vec<SectionHeader>,
    /// The section with the sections' names.
    names: Vec<u8>,
}

impl Elf {
    /// Opens a regular file by its path. Nothing else is opened: opening a FIFO would block.
    pub(super) fn open(path: &Path) -> Option<Elf> {
        Elf::of_file(Arc::new(open_regular(path).ok()?))
    }

    /// Reads the headers of an open file.
    pub(super) fn of_file(file: Arc<File>) -> Option<Elf> {
        let size = file.metadata().ok()?.len();
        Elf::of_source(Source::File { file, size })
    }

    /// The state of the file; `None` if it is in memory only.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let Source::File { file, .. } = &self.headers.source else { return None };
        let metadata = file.metadata().ok()?;
        Some(Stamp { size: metadata.len(), modified: (metadata.mtime(), metadata.mtime_nsec()) })
    }

    /// Reads the headers of a file that is in memory.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Option<Elf> {
        Elf::of_source(Source::Memory(Arc::new(bytes)))
    }

    fn of_source(source: Source) -> Option<Elf> {
        let headers = Headers::read(source)?;
        let sections = sections(&headers).unwrap_or_default();
        let mut elf = Elf { headers, sections, names: Vec::new() };
        elf.names = elf.name_section().and_then(|section| elf.bytes(section)).unwrap_or_default();
        Some(elf)
    }

    fn name_section(&self) -> Option<&SectionHeader> {
        let index = match u32::from(self.headers.header.e_shstrndx) {
            // An index too large for its 16 bits is in the first section header.
            SHN_XINDEX => self.sections.first()?.sh_link,
            index => index,
        };
        self.sections.get(index as usize)
    }

    /// The byte order and word size that goblin's parsers need.
    pub(super) fn ctx(&self) -> Ctx {
        self.headers.ctx
    }

    /// Whether numbers have their highest byte first.
    pub(super) fn is_big_endian(&self) -> bool {
        matches!(self.headers.ctx.le, Endian::Big)
    }

    /// The machine the code is for: one of goblin's `EM_…`.
    pub(super) fn machine(&self) -> u16 {
        self.headers.header.e_machine
    }

    /// The segments that are loaded with permission to execute.
    pub(super) fn executable_segments(&self) -> impl Iterator<Item = &ProgramHeader> {
        self.headers.segments.iter().filter(|s| s.p_type == PT_LOAD && s.is_executable())
    }

    /// The lowest address that is loaded.
    pub(super) fn base(&self) -> Option<u64> {
        self.headers.segments.iter().filter(|s| s.p_type == PT_LOAD).map(|s| s.p_vaddr).min()
    }

    /// The header of the section of that name, if it has contents.
    pub(super) fn section(&self, name: &str) -> Option<&SectionHeader> {
        let mut present = self.sections.iter().filter(|s| s.sh_type != SHT_NOBITS && s.sh_size > 0);
        present.find(|s| string(&self.names, s.sh_name) == Some(name.as_bytes()))
    }

    /// The header at an index, such as another section's `sh_link`.
    pub(super) fn section_at(&self, index: u32) -> Option<&SectionHeader> {
        self.sections.get(index as usize)
    }

    /// Headers of all sections.
    pub(super) fn sections(&self) -> &[SectionHeader] {
        &self.sections
    }

    /// Whether it was made of another file by taking the code out: `objcopy --only-keep-debug`. Its
    /// segments have the addresses of the other's, and offsets that mean nothing.
    pub(super) fn is_without_code(&self) -> bool {
        self.sections.iter().any(|section| section.is_executable() && section.sh_type == SHT_NOBITS)
    }

    /// Whether the file has DWARF of its own.
    pub(super) fn has_dwarf(&self) -> bool {
        self.section(".debug_info").or_else(|| self.section(".zdebug_info")).is_some()
    }

    /// The contents of a DWARF section, `.debug_…`, or of its old compressed form, `.zdebug_…`.
    pub(super) fn debug_section(&self, name: &str) -> Option<Contents> {
        if let Some(section) = self.section(name) {
            return self.contents(section);
        }
        let section = self.section(&name.replacen(".debug", ".zdebug", 1))?;
        // "ZLIB" and the size, big endian in any file, as GNU as wrote it before SHF_COMPRESSED.
        let header = self.headers.part(section.sh_offset, 12)?.bytes()?;
        let size = header.strip_prefix(b"ZLIB")?.first_chunk::<8>()?;
        let stored = self.headers.part(section.sh_offset, section.sh_size)?.after(12)?;
        Contents::compressed(stored, Compression::Zlib, u64::from_be_bytes(*size))
    }

    /// The contents of a section.
    pub(super) fn contents(&self, section: &SectionHeader) -> Option<Contents> {
        if section.sh_type == SHT_NOBITS {
            return None;
        }
        let stored = self.headers.part(section.sh_offset, section.sh_size)?;
        if section.sh_flags & u64::from(SHF_COMPRESSED) == 0 {
            return Contents::plain(stored);
        }
        let header_size = CompressionHeader::size(self.ctx()) as u64;
        let header = self.headers.part(section.sh_offset, header_size)?.bytes()?;
        let header = CompressionHeader::parse(&header, 0, self.ctx()).ok()?;
        let compression = match header.ch_type {
            ELFCOMPRESS_ZLIB => Compression::Zlib,
            ELFCOMPRESS_ZSTD => Compression::Zstd,
            _ => return None,
        };
        Contents::compressed(stored.after(header_size)?, compression, header.ch_size)
    }

    /// All bytes of a section, decompressed.
    pub(super) fn bytes(&self, section: &SectionHeader) -> Option<Vec<u8>> {
        self.contents(section)?.bytes()
    }

    /// Bytes of the file.
    pub(super) fn part(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        self.headers.part(offset, size)?.bytes()
    }

    /// The GNU build id.
    pub(super) fn build_id(&self) -> Option<Vec<u8>> {
        // Sections first: those of a separate debug file are kept, while its segments lie.
        let sections = self.sections.iter().filter(|s| s.sh_type == SHT_NOTE);
        let sections = sections.map(|s| (s.sh_offset, s.sh_size, s.sh_addralign));
        let segments = self.headers.segments.iter().filter(|s| s.p_type == PT_NOTE);
        let segments = segments.map(|s| (s.p_offset, s.p_filesz, s.p_align));
        sections.chain(segments).find_map(|(offset, size, align)| {
            let data = self.headers.part(offset, size.min(NOTE_LIMIT))?.bytes()?;
            let ctx = (align as usize, self.ctx());
            let notes = NoteDataIterator { data: &data, size: data.len(), offset: 0, ctx };
            notes
                .map_while(Result::ok)
                .find(|note| note.n_type == NT_GNU_BUILD_ID && note.name == "GNU")
                .map(|note| note.desc.to_vec())
        })
    }
}

/// The string that starts at `offset` in a string table and ends before the next NUL, unless it is
/// longer than [`TEXT_LIMIT`].
pub(super) fn string(table: &[u8], offset: usize) -> Option<&[u8]> {
    let rest = table.get(offset..)?;
    let rest = rest.get(..TEXT_LIMIT).unwrap_or(rest);
    rest.split(|&byte| byte == 0).next().filter(|string| string.len() < TEXT_LIMIT)
}

fn sections(headers: &Headers) -> Option<Vec<SectionHeader>> {
    let Headers { header, ctx, .. } = headers;
    if header.e_shoff == 0 {
        return None;
    }
    let size = SectionHeader::size(*ctx) as u64;
    let first = headers.part(header.e_shoff, size)?.bytes()?;
    let first = SectionHeader::parse_from(&first, 0, 1, *ctx).ok()?.pop()?;
    let count = match u64::from(header.e_shnum) {
        // A number too large for its 16 bits is in the first section header.
        0 => first.sh_size,
        count => count,
    };
    let bytes = headers.part(header.e_shoff, count.checked_mul(size)?)?.bytes()?;
    SectionHeader::parse_from(&bytes, 0, usize::try_from(count).ok()?, *ctx).ok()
}
