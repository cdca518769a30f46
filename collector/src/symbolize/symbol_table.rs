//! Symbol tables: which function an address is in when there is no debug information.

use std::cmp::Reverse;

use goblin::elf::SectionHeader;
use goblin::elf::section_header::{SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB};
use goblin::elf::sym::{STB_GLOBAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE, Sym, Symtab};

use super::elf::{Elf, string};

/// How many symbols before an address are tried: enough for functions nested in others' ranges.
const NESTING_LIMIT: usize = 64;

/// The functions that one or more symbol tables name, by address.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    /// Sorted by address.
    symbols: Vec<Symbol>,
    /// The string table of each symbol table.
    strings: Vec<Vec<u8>>,
}

/// A function's symbol. What else its name tells is looked at when it is found: tables are large, and
/// a profile needs few of their symbols.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    /// First address, as the file has it.
    start: u64,
    /// Address after the last. That of a symbol without size is the end of its section.
    end: u64,
    /// Offset of its name in its string table.
    name: u32,
    /// Index of its string table.
    strings: u16,
    kind: u8,
    binding: u8,
    sized: bool,
}

/// Orders symbols with the same address: with a size, a function, fewer leading underscores, not
/// weak, global, shorter. So does `choose_best_symbol` of Linux perf, but for weak symbols, which
/// it puts behind: `puts` is a weak one for `_IO_puts`.
type Rank = (bool, bool, Reverse<usize>, bool, bool, Reverse<usize>);

impl SymbolTable {
    /// The functions in `.symtab` and `.dynsym` of files that have the same addresses.
    pub(super) fn new<'a>(files: impl IntoIterator<Item = &'a Elf>) -> SymbolTable {
        let mut table = SymbolTable::default();
        for elf in files {
            // There is one of each kind; thousands would all be read.
            for kind in [SHT_SYMTAB, SHT_DYNSYM] {
                let section = elf.sections().iter().find(|section| section.sh_type == kind);
                // A table that makes no sense is as good as none.
                let _ = section.and_then(|section| table.add(elf, section));
            }
        }
        table.symbols.sort_unstable_by_key(|symbol| symbol.start);
        table
    }

    fn add(&mut self, elf: &Elf, section: &SectionHeader) -> Option<()> {
        let bytes = elf.bytes(section)?;
        let strings = elf.bytes(elf.section_at(section.sh_link)?)?;
        let count = bytes.len() / Sym::size(elf.ctx().container);
        let table = Symtab::parse(&bytes, 0, count, elf.ctx()).ok()?;
        self.symbols.reserve(count);
        for symbol in table.iter().filter(is_function) {
            // Sections of 0xff00 and more are special: absolute, common, and such.
            let Some(home) = elf.section_at(symbol.st_shndx as u32) else { continue };
            // `$x` and the like mark kinds of code and data on some machines.
            if !home.is_executable() || matches!(strings.get(symbol.st_name), None | Some(b'\0' | b'$')) {
                continue;
            }
            let home_end = home.sh_addr.saturating_add(home.sh_size);
            let sized = symbol.st_size > 0;
            let end = symbol.st_value.saturating_add(symbol.st_size);
            self.symbols.push(Symbol {
                start: symbol.st_value,
                end: if sized { end } else { home_end },
                name: symbol.st_name as u32,
                strings: self.strings.len() as u16,
                kind: symbol.st_type(),
                binding: symbol.st_bind(),
                sized,
            });
        }
        self.strings.push(strings);
        Some(())
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.symbols.capacity() * size_of::<Symbol>() + self.strings.iter().map(Vec::len).sum::<usize>()
    }

    /// The name of the function at `address`, as the file has addresses: mangled, without version.
    pub(super) fn find(&self, address: u64) -> Option<String> {
        let after = self.symbols.partition_point(|symbol| symbol.start <= address);
        let before = self.symbols.get(..after)?;
        let nearest = before.last()?.start;
        // A symbol without size ends where the next begins.
        let is_around = |s: &&Symbol| address < s.end && (s.sized || s.start == nearest);
        let around = before.iter().rev().take(NESTING_LIMIT).filter(is_around);
        let mut named = around.filter_map(|symbol| Some((symbol, self.name(symbol)?))).peekable();
        let innermost = named.peek()?.0.start;
        let innermost = named.take_while(|(symbol, _)| symbol.start == innermost);
        let (_, name) = innermost.max_by_key(|(symbol, name)| (rank(symbol, name), Reverse(*name)))?;
        // `.symtab` has `name@VERSION` or `name@@VERSION` for the symbols of a versioned library.
        let name = String::from_utf8_lossy(name);
        Some(name.split_once('@').map_or(&*name, |(name, _version)| name).to_owned())
    }

    fn name(&self, symbol: &Symbol) -> Option<&[u8]> {
        string(&self.strings[symbol.strings as usize], symbol.name as usize)
    }
}

/// Whether a symbol may name a function. Hand-written assembly often gives it no type.
fn is_function(symbol: &Sym) -> bool {
    matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC | STT_NOTYPE) && symbol.st_shndx != SHN_UNDEF as usize
}

fn rank(symbol: &Symbol, name: &[u8]) -> Rank {
    let underscores = name.iter().take_while(|&&byte| byte == b'_').count();
    (
        symbol.sized,
        symbol.kind != STT_NOTYPE,
        Reverse(underscores),
        symbol.binding != STB_WEAK,
        symbol.binding == STB_GLOBAL,
        Reverse(name.len()),
    )
}
