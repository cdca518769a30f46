//! How an executable is linked: read without the rest of the file, which may be large.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use goblin::container::Ctx;
use goblin::elf::dynamic::{DF_1_PIE, DT_NEEDED, DT_SONAME};
use goblin::elf::header::{EM_X86_64, ET_DYN};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP};
use goblin::elf::{Dynamic, ProgramHeader};

use super::headers::Headers;
use super::source::{Part, Source};

/// Largest segment that is read at once, in bytes.
const LIMIT: u64 = 1 << 20;

/// The headers of an executable, and what they lead the dynamic linker to.
#[derive(Debug)]
pub struct Linkage {
    headers: Headers,
    /// The path of its dynamic linker.
    pub interpreter: Option<String>,
    dynamic: Option<Dynamic>,
}

impl Linkage {
    /// Reads the headers in `path`; `None` if it is no ELF file, or nothing in it is loaded.
    pub fn read(path: &Path) -> Option<Linkage> {
        let file = File::open(path).ok()?;
        let size = file.metadata().ok()?.len();
        let headers = Headers::read(Source::File { file: Arc::new(file), size })?;
        if headers.segments.is_empty() {
            return None;
        }
        let segment = |kind| headers.segment(kind).filter(|part| part.size() <= LIMIT)?.bytes();
        let interpreter = segment(PT_INTERP).map(|mut path| {
            path.pop_if(|last| *last == 0);
            String::from_utf8_lossy(&path).into_owned()
        });
        let dynamic =
            segment(PT_DYNAMIC).and_then(|dynamic| parse_dynamic(&dynamic, &headers.segments, headers.ctx));
        Some(Linkage { headers, interpreter, dynamic })
    }

    /// Is it for 64-bit x86?
    pub fn is_x86_64(&self) -> bool {
        let header = &self.headers.header;
        header.e_machine == EM_X86_64 && header.container().is_ok_and(|container| container.is_big())
    }

    /// Is it a shared object with a name, and no position-independent program?
    pub fn is_library(&self) -> bool {
        let Some(dynamic) = &self.dynamic else { return false };
        let is_named = dynamic.dyns.iter().any(|entry| entry.d_tag == DT_SONAME);
        self.headers.header.e_type == ET_DYN && dynamic.info.flags_1 & DF_1_PIE == 0 && is_named
    }

    /// The names of the libraries that it needs.
    pub fn libraries(&self) -> impl Iterator<Item = String> {
        let entries = self.dynamic.iter().flat_map(|dynamic| &dynamic.dyns);
        let needed = entries.filter(|entry| entry.d_tag == DT_NEEDED);
        needed.filter_map(|entry| {
            let mut name = [0; 256];
            let read = self.strings()?.after(entry.d_val)?.read(&mut name).ok()?;
            let name = name[..read].split(|&byte| byte == 0).next()?;
            Some(str::from_utf8(name).ok()?.to_owned())
        })
    }

    /// Does it define or need one of these symbols, for the dynamic linker?
    pub fn mentions(&self, symbols: &[&[u8]]) -> bool {
        let mut left = self.strings();
        // In pieces, as the table may be large.
        let mut piece = [0; 1 << 14];
        while let Some(strings) = left {
            let Ok(read @ 1..) = strings.clone().read(&mut piece) else { return false };
            let mut next = 0;
            // Without memchr, which asks the processor what it can do: that takes a virtual machine longer than this.
            while let Some(length) = piece[next..read].iter().position(|&byte| byte == 0) {
                if symbols.contains(&&piece[next..next + length]) {
                    return true;
                }
                next += length + 1;
            }
            // A name that does not end in a whole piece is none of these.
            left = strings.after(if next > 0 { next } else { read } as u64);
        }
        false
    }

    /// The dynamic linker's string table: names of libraries, and of symbols.
    fn strings(&self) -> Option<Part> {
        let info = &self.dynamic.as_ref()?.info;
        self.headers.part(info.strtab as u64, info.strsz as u64)
    }
}

/// The entries in the bytes of the dynamic segment, with their addresses as offsets in the file.
fn parse_dynamic(bytes: &[u8], segments: &[ProgramHeader], ctx: Ctx) -> Option<Dynamic> {
    let mut segments = segments.to_vec();
    let dynamic = segments.iter_mut().find(|segment| segment.p_type == PT_DYNAMIC)?;
    dynamic.p_offset = 0; // where it is in `bytes`
    Dynamic::parse(bytes, &segments, ctx).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_how_it_is_linked() {
        let own = Linkage::read(Path::new("/proc/self/exe")).unwrap();
        assert!(own.is_x86_64() && !own.is_library());
        assert_eq!(own.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
        assert!(own.libraries().any(|name| name == "libc.so.6"));
        assert!(own.mentions(&[b"no_such_symbol", b"__libc_start_main"]));
        assert!(!own.mentions(&[b"no_such_symbol", b"__libc_start"]));
    }

    #[test]
    fn a_library_is_no_program() {
        let linker = Linkage::read(Path::new("/lib64/ld-linux-x86-64.so.2")).unwrap();
        assert!(linker.is_library());
        assert_eq!(linker.interpreter, None);
    }
}
