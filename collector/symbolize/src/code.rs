//! Functions by their names, and their code: the other way round than the rest of this crate.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use goblin::elf::SectionHeader;
use goblin::elf::header::EM_X86_64;
use goblin::elf::section_header::{SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB};
use goblin::elf::sym::{STT_FUNC, Sym, Symtab};
use memchr::memmem::Finder;

use super::binary::mini_debug;
use super::contents::fill;
use super::debug_file::{DebugFile, DebugFolders};
use super::elf::{Elf, string};
use super::kept::{Kept, KeptFile};
use super::options::Options;

/// How much of a table is read at once.
const PIECE: usize = 1 << 20;

/// A function that has a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFunction {
    /// Its name, without version.
    pub name: String,
    /// Where it begins, as the file has addresses.
    pub start: u64,
    /// Where it ends: where the next one begins, if the symbol does not say.
    pub end: u64,
    /// Other modules are bound to it by that name.
    pub is_exported: bool,
}

/// A part of a file that is loaded with permission to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSegment {
    /// Its first address, as the file has addresses.
    pub start: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its size in the file.
    pub size: u64,
}

/// A file with code for x86-64, and what else has symbols for it.
#[derive(Debug)]
pub struct Code {
    file: DebugFile,
    /// What has its symbols if it has them not itself.
    separate: Option<DebugFile>,
    mini: OnceLock<Option<Elf>>,
}

impl Code {
    /// Reads the headers of an open file, and finds the files with its symbols on this machine if it has
    /// them not itself. `path` is where it was found.
    pub fn of(file: File, path: &Path) -> Option<Code> {
        let elf = Elf::of_file(Arc::new(file))?;
        if elf.machine() != EM_X86_64 || elf.is_big_endian() || !elf.ctx().container.is_big() {
            return None;
        }
        let mut separate = None;
        if !has_symbols(&elf) {
            let folders = DebugFolders::new(&Options { debuginfod_urls: Vec::new(), ..Options::default() });
            separate = folders.find(path, elf.build_id().as_deref(), Some(&elf));
        }
        Some(Code { file: DebugFile { path: path.to_owned(), elf }, separate, mini: OnceLock::new() })
    }

    /// The GNU build id.
    pub fn build_id(&self) -> Option<Vec<u8>> {
        self.file.elf.build_id()
    }

    /// The place for something that is made of all this. `matter` tells what.
    pub fn place(&self, kept: &Kept, matter: &str) -> Option<KeptFile> {
        let sources = [&self.file].into_iter().chain(&self.separate).map(DebugFile::state);
        kept.place(&self.build_id()?, matter, sources.collect::<Option<_>>()?)
    }

    /// Is one of the texts part of the name of any symbol? All names are read, and nothing else.
    pub fn mentions(&self, texts: &[&str]) -> bool {
        let finders: Vec<_> = texts.iter().map(Finder::new).collect();
        let overlap = texts.iter().map(|text| text.len()).max().unwrap_or(1) - 1;
        self.tables().any(|(elf, table)| strings_hold(elf, table, &finders, overlap).unwrap_or(false))
    }

    /// All functions that have symbols, by address.
    pub fn functions(&self) -> Vec<NamedFunction> {
        let mut functions = Vec::new();
        for (elf, table) in self.tables() {
            // A table that makes no sense is as good as none.
            let _ = add_functions(elf, table, &self.file.elf, &mut functions);
        }
        functions.sort_by(|one, other| (one.start, &one.name).cmp(&(other.start, &other.name)));
        let mut next = u64::MAX;
        for index in (0..functions.len()).rev() {
            let function = &functions[index];
            let after = functions.get(index + 1).filter(|after| after.start > function.start);
            next = after.map_or(next, |after| after.start);
            if functions[index].end <= functions[index].start {
                functions[index].end = next;
            }
        }
        functions
    }

    /// The bytes from `address` on, as the file has addresses: so many, or as many as there are in its
    /// segment.
    pub fn bytes(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let segments = self.segments();
        let segment = segments
            .iter()
            .find(|segment| address.checked_sub(segment.start).is_some_and(|offset| offset < segment.size))?;
        let offset = address - segment.start;
        self.file.elf.part(segment.offset.checked_add(offset)?, size.min(segment.size - offset))
    }

    /// What is loaded with permission to execute.
    pub fn segments(&self) -> Vec<CodeSegment> {
        let segment = |header: &goblin::elf::ProgramHeader| CodeSegment {
            start: header.p_vaddr,
            offset: header.p_offset,
            size: header.p_filesz,
        };
        self.file.elf.executable_segments().map(segment).collect()
    }

    /// The lowest address that is loaded.
    pub fn base(&self) -> Option<u64> {
        self.file.elf.base()
    }

    /// The symbol tables, each with the file that has it.
    fn tables(&self) -> impl Iterator<Item = (&Elf, &SectionHeader)> {
        let elf = &self.file.elf;
        let mini = self.mini.get_or_init(|| if has_symbols(elf) { None } else { mini_debug(elf) });
        let separate = self.separate.as_ref().map(|file| &file.elf);
        [elf].into_iter().chain(separate).chain(mini).flat_map(|elf| {
            // There is one of each kind; thousands would all be read.
            let table = |kind| elf.sections().iter().find(move |section| section.sh_type == kind);
            [SHT_SYMTAB, SHT_DYNSYM].into_iter().filter_map(table).map(move |table| (elf, table))
        })
    }
}

fn has_symbols(elf: &Elf) -> bool {
    elf.sections().iter().any(|section| section.sh_type == SHT_SYMTAB)
}

fn strings_hold(elf: &Elf, table: &SectionHeader, finders: &[Finder], overlap: usize) -> Option<bool> {
    let contents = elf.contents(elf.section_at(table.sh_link)?)?;
    let mut strings = contents.stream()?.take(contents.size());
    let mut piece = vec![0; PIECE.min(contents.size() as usize + overlap)];
    let mut kept = 0;
    loop {
        let read = fill(&mut piece[kept..], &mut strings);
        let here = &piece[..kept + read];
        if finders.iter().any(|finder| finder.find(here).is_some()) {
            return Some(true);
        }
        if kept + read < piece.len() || read == 0 {
            return Some(false);
        }
        // A text may begin at the end of a piece.
        kept = overlap.min(piece.len() - 1);
        let from = piece.len() - kept;
        piece.copy_within(from.., 0);
    }
}

fn add_functions(
    elf: &Elf,
    table: &SectionHeader,
    image: &Elf,
    functions: &mut Vec<NamedFunction>,
) -> Option<()> {
    let strings = elf.bytes(elf.section_at(table.sh_link)?)?;
    let size = Sym::size(elf.ctx().container);
    let contents = elf.contents(table)?;
    let mut symbols = contents.stream()?.take(contents.size());
    let mut piece = vec![0; PIECE - PIECE % size];
    let is_code = |symbol: &Sym| {
        image.executable_segments().any(|segment| {
            symbol.st_value.checked_sub(segment.p_vaddr).is_some_and(|offset| offset < segment.p_filesz)
        })
    };
    loop {
        let read = fill(&mut piece, &mut symbols);
        let parsed = Symtab::parse(&piece[..read], 0, read / size, elf.ctx()).ok()?;
        let defined = |symbol: &Sym| symbol.st_type() == STT_FUNC && symbol.st_shndx != SHN_UNDEF as usize;
        for symbol in parsed.iter().filter(defined).filter(is_code) {
            let Some(name) = string(&strings, symbol.st_name) else { continue };
            let name = String::from_utf8_lossy(name);
            let name = name.split_once('@').map_or(&*name, |(name, _version)| name).to_owned();
            functions.push(NamedFunction {
                name,
                start: symbol.st_value,
                end: symbol.st_value.saturating_add(symbol.st_size),
                is_exported: table.sh_type == SHT_DYNSYM,
            });
        }
        if read < piece.len() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Code {
        Code::of(File::open("/proc/self/exe").unwrap(), Path::new("/proc/self/exe")).unwrap()
    }

    #[test]
    fn functions_are_found_by_name_with_their_code() {
        #[inline(never)]
        fn heaptrace_test_function() -> u64 {
            0x1122_3344_5566_7788
        }
        assert_eq!(std::hint::black_box(heaptrace_test_function)(), 0x1122_3344_5566_7788);
        let code = own();
        let functions = code.functions();
        let found = functions.iter().find(|it| it.name.contains("heaptrace_test_function")).unwrap();
        let bytes = code.bytes(found.start, found.end - found.start).unwrap();
        assert_eq!(bytes.len() as u64, found.end - found.start);
        assert!(bytes.windows(8).any(|part| part == 0x1122_3344_5566_7788_u64.to_le_bytes()), "{bytes:x?}");
        assert!(functions.is_sorted_by_key(|function| function.start));
        assert!(functions.iter().all(|function| function.end > function.start));
    }

    #[test]
    fn a_part_of_a_name_is_found_and_another_text_is_not() {
        assert!(own().mentions(&["no such text at all", "heaptrace_test_func"]));
        assert!(!own().mentions(&["no such text at all", "heaptrace-test"]));
        assert!(!own().mentions(&[]));
    }
}
