//! Symbol tables: which function an address is in when there is no debug information.

use std::cmp::Reverse;
use std::io::Read;
use std::ops::Range;

use goblin::elf::SectionHeader;
use goblin::elf::section_header::{SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB};
use goblin::elf::sym::{
    STB_GLOBAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE, Sym, Symtab, st_bind, st_type,
};

use super::contents::fill;
use super::elf::{Elf, string};

/// How many symbols before an address are tried: enough for functions nested in others' ranges.
const NESTING_LIMIT: usize = 64;

/// How many symbols are read at once: tables are large.
const SYMBOLS_AT_ONCE: usize = 1 << 10;

/// The functions that one or more symbol tables name, by address.
#[derive(Debug, Default)]
pub(super) struct SymbolTable {
    symbols: Vec<Symbol>,
    /// Indexes into `symbols`, sorted by address.
    by_address: Vec<u32>,
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
    strings: u8,
    /// Kind and binding.
    info: u8,
    sized: bool,
}

impl Symbol {
    /// Unless it is none of code that is in the file.
    fn of(symbol: &Sym, elf: &Elf, strings: u8) -> Option<Symbol> {
        // Sections of 0xff00 and more are special: absolute, common, and such.
        let home = elf.section_at(symbol.st_shndx as u32)?;
        if !home.is_executable() {
            return None;
        }
        let sized = symbol.st_size > 0;
        let end = if sized {
            symbol.st_value.saturating_add(symbol.st_size)
        } else {
            home.sh_addr.saturating_add(home.sh_size)
        };
        let (start, name) = (symbol.st_value, symbol.st_name as u32);
        Some(Symbol { start, end, name, strings, info: symbol.st_info, sized })
    }
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
        table.by_address = by_address(&table.symbols);
        table
    }

    fn add(&mut self, elf: &Elf, section: &SectionHeader) -> Option<()> {
        let strings = elf.bytes(elf.section_at(section.sh_link)?)?;
        let index = u8::try_from(self.strings.len()).ok()?;
        let size = Sym::size(elf.ctx().container);
        let contents = elf.contents(section)?;
        let mut symbols = contents.stream()?.take(contents.size());
        if let Some(plain) = contents.as_plain() {
            self.symbols.reserve(plain.size() as usize / size);
        }
        let mut piece = vec![0; SYMBOLS_AT_ONCE * size];
        loop {
            let read = fill(&mut piece, &mut symbols);
            let table = Symtab::parse(&piece[..read], 0, read / size, elf.ctx()).ok()?;
            let functions = table.iter().filter(is_function);
            self.symbols.extend(functions.filter_map(|symbol| Symbol::of(&symbol, elf, index)));
            if read < piece.len() {
                break;
            }
        }
        self.strings.push(strings);
        Some(())
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.symbols.capacity() * (size_of::<Symbol>() + size_of::<u32>())
            + self.strings.iter().map(Vec::len).sum::<usize>()
    }

    /// The name of the function at `address`, as the file has addresses: mangled, without version.
    pub(super) fn find(&self, address: u64) -> Option<String> {
        let (_, name) = self.around(address)?;
        // `.symtab` has `name@VERSION` or `name@@VERSION` for the symbols of a versioned library.
        let name = String::from_utf8_lossy(name);
        Some(name.split_once('@').map_or(&*name, |(name, _version)| name).to_owned())
    }

    /// Where the function at `address` begins and ends.
    pub(super) fn bounds(&self, address: u64) -> Option<Range<u64>> {
        let (symbol, _) = self.around(address)?;
        let after = self.by_address.partition_point(|&i| self.symbols[i as usize].start <= address);
        let next = self.by_address.get(after).filter(|_| !symbol.sized);
        Some(symbol.start..next.map_or(symbol.end, |&next| self.symbols[next as usize].start))
    }

    /// The symbol at `address` that says most, and its name.
    fn around(&self, address: u64) -> Option<(&Symbol, &[u8])> {
        let symbol = |&index: &u32| &self.symbols[index as usize];
        let after = self.by_address.partition_point(|index| symbol(index).start <= address);
        let before = self.by_address.get(..after)?.iter().rev().take(NESTING_LIMIT).map(symbol);
        let nearest = before.clone().find(|symbol| self.name(symbol).is_some())?.start;
        // A symbol without size ends where the next begins.
        let is_around = |s: &&Symbol| address < s.end && (s.sized || s.start == nearest);
        let around = before.filter(is_around);
        let mut named = around.filter_map(|symbol| Some((symbol, self.name(symbol)?))).peekable();
        let innermost = named.peek()?.0.start;
        let innermost = named.take_while(|(symbol, _)| symbol.start == innermost);
        innermost.max_by_key(|(symbol, name)| (rank(symbol, name), Reverse(*name)))
    }

    fn name(&self, symbol: &Symbol) -> Option<&[u8]> {
        let name = string(&self.strings[symbol.strings as usize], symbol.name as usize)?;
        // `$x` and the like mark kinds of code and data on some machines.
        (!matches!(name.first(), None | Some(b'$'))).then_some(name)
    }
}

/// Indexes of the symbols by address. They are in no order, but evenly spread: so they go to about as
/// many buckets as there are symbols, which takes a fifth of the time of comparing them.
fn by_address(symbols: &[Symbol]) -> Vec<u32> {
    let starts = || symbols.iter().map(|symbol| symbol.start);
    let (Some(lowest), Some(highest)) = (starts().min(), starts().max()) else { return Vec::new() };
    let distance = (highest - lowest) / symbols.len() as u64;
    let bucket = |start: u64| ((start - lowest) >> distance.checked_ilog2().unwrap_or(0)) as usize;
    // Where each bucket ends, and, when all of it is there, begins.
    let mut places = vec![0_u32; bucket(highest) + 1];
    starts().for_each(|start| places[bucket(start)] += 1);
    let mut total = 0;
    for place in &mut places {
        total += *place;
        *place = total;
    }
    let mut sorted = vec![0; symbols.len()];
    for (index, start) in starts().enumerate() {
        let place = &mut places[bucket(start)];
        *place -= 1;
        sorted[*place as usize] = index as u32;
    }
    let ends = places[1..].iter().chain([&total]);
    for (&start, &end) in places.iter().zip(ends) {
        let bucket = &mut sorted[start as usize..end as usize];
        bucket.sort_unstable_by_key(|&index| symbols[index as usize].start);
    }
    sorted
}

/// Whether a symbol may name a function. Hand-written assembly often gives it no type.
fn is_function(symbol: &Sym) -> bool {
    matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC | STT_NOTYPE) && symbol.st_shndx != SHN_UNDEF as usize
}

fn rank(symbol: &Symbol, name: &[u8]) -> Rank {
    let underscores = name.iter().take_while(|&&byte| byte == b'_').count();
    (
        symbol.sized,
        st_type(symbol.info) != STT_NOTYPE,
        Reverse(underscores),
        st_bind(symbol.info) != STB_WEAK,
        st_bind(symbol.info) == STB_GLOBAL,
        Reverse(name.len()),
    )
}
