//! The rules: how to get from a frame to its caller, and the table of those in use.

use core::sync::atomic::{AtomicU64, Ordering::*};

/// How to find a frame's CFA (the caller's stack pointer after the call returns; the return
/// address lies 8 bytes below it) and the caller's `rbp`. Offsets are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `CFA = sp + offset`.
    Sp { offset: i32, saved_bp: SavedBp },
    /// `CFA = bp + offset`.
    Bp { offset: i32, saved_bp: SavedBp },
    /// `CFA = *(bp + offset)`, `bp = *bp`: a function that realigned its stack.
    Realigned { offset: i32 },
    /// The outermost frame.
    End,
    /// The kernel's signal frame: all registers are in the `ucontext_t` at the stack pointer.
    Signal,
    /// No unwind information: the caller's `rbp` and the return address are where `rbp` points,
    /// if it is a frame pointer.
    FramePointer,
}

/// What a rule has to do with the `rbp` of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BpUse {
    /// The way to the caller depends on it.
    Read,
    /// It is the caller's.
    Kept,
    /// The caller's is elsewhere.
    Dropped,
}

impl Rule {
    /// What it has to do with its frame's `rbp`.
    #[inline]
    pub fn bp_use(self) -> BpUse {
        match self {
            Rule::Sp { saved_bp: SavedBp::Kept, .. } => BpUse::Kept,
            Rule::Sp { .. } | Rule::End => BpUse::Dropped,
            Rule::Bp { .. } | Rule::Realigned { .. } | Rule::FramePointer | Rule::Signal => BpUse::Read,
        }
    }
}

/// Where the caller's `rbp` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedBp {
    /// Still in `rbp`.
    Kept,
    /// In memory, so many bytes below the CFA.
    Below(u32),
}

impl SavedBp {
    /// The place in memory; 0 for none.
    pub fn address(self, cfa: usize) -> usize {
        match self {
            SavedBp::Kept => 0,
            SavedBp::Below(bytes) => cfa.wrapping_sub(bytes as usize),
        }
    }
}

/// A rule as it is kept, with whether its module is one that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cached {
    /// The rule.
    pub rule: Rule,
    /// The module was there at the start and cannot be unloaded; else it must be checked.
    pub stable: bool,
}

const KIND_BITS: u32 = 3;
const OFFSET_BITS: u32 = 15;
const SAVED_BITS: u32 = 9;
const PAYLOAD_BITS: u32 = KIND_BITS + 1 + OFFSET_BITS + SAVED_BITS;
const INDEX_BITS: u32 = 15;
/// What is left of a 47-bit address when the index is known.
const TAG_BITS: u32 = 47 - INDEX_BITS;
const _: () = assert!(PAYLOAD_BITS + TAG_BITS <= 64);

/// Packs a rule; `None` if an offset is too large or odd. The payload is never 0.
fn pack(cached: Cached) -> Option<u64> {
    let (kind, offset, saved) = match cached.rule {
        Rule::Sp { offset, saved_bp } => (1, offset, saved_bp),
        Rule::Bp { offset, saved_bp } => (2, offset, saved_bp),
        Rule::Realigned { offset } => (3, offset, SavedBp::Kept),
        Rule::End => (4, 0, SavedBp::Kept),
        Rule::Signal => (5, 0, SavedBp::Kept),
        Rule::FramePointer => (6, 0, SavedBp::Kept),
    };
    let saved = match saved {
        SavedBp::Kept => 0,
        SavedBp::Below(0) => return None,
        SavedBp::Below(bytes) => bytes,
    };
    let words = offset / 8;
    let fits = offset % 8 == 0
        && saved.is_multiple_of(8)
        && saved / 8 < 1 << SAVED_BITS
        && (-(1 << (OFFSET_BITS - 1))..1 << (OFFSET_BITS - 1)).contains(&words);
    let words = words as u64 & ((1 << OFFSET_BITS) - 1);
    let bits =
        ((words << SAVED_BITS | u64::from(saved / 8)) << 1 | u64::from(cached.stable)) << KIND_BITS | kind;
    fits.then_some(bits)
}

fn unpack(bits: u64) -> Option<Cached> {
    let stable = bits >> KIND_BITS & 1 == 1;
    let saved = (bits >> (KIND_BITS + 1)) as u32 & ((1 << SAVED_BITS) - 1);
    let words = (bits >> (KIND_BITS + 1 + SAVED_BITS)) as i32;
    // Sign extension from OFFSET_BITS.
    let offset = (words << (32 - OFFSET_BITS) >> (32 - OFFSET_BITS)) * 8;
    let saved_bp = if saved == 0 { SavedBp::Kept } else { SavedBp::Below(saved * 8) };
    let rule = match bits & ((1 << KIND_BITS) - 1) {
        1 => Rule::Sp { offset, saved_bp },
        2 => Rule::Bp { offset, saved_bp },
        3 => Rule::Realigned { offset },
        4 => Rule::End,
        5 => Rule::Signal,
        6 => Rule::FramePointer,
        _ => return None,
    };
    Some(Cached { rule, stable })
}

/// The table of rules: direct-mapped by address, one word an entry, so that a lookup is one load
/// that any thread may do at any time.
#[derive(Debug)]
pub struct Rules([AtomicU64; 1 << INDEX_BITS]);

impl Rules {
    /// None.
    pub const fn new() -> Rules {
        Rules([const { AtomicU64::new(0) }; 1 << INDEX_BITS])
    }

    /// Index and tag of an address; together they tell all its 47 bits.
    fn split(address: usize) -> (usize, u64) {
        let tag = (address as u64 >> INDEX_BITS) & ((1 << TAG_BITS) - 1);
        let mixed = tag.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - INDEX_BITS);
        ((address ^ mixed as usize) & ((1 << INDEX_BITS) - 1), tag)
    }

    /// The rule for an address, if it is in the table.
    #[inline]
    pub fn get(&self, address: usize) -> Option<Cached> {
        let (index, tag) = Rules::split(address);
        let bits = self.0[index].load(Relaxed);
        if bits >> PAYLOAD_BITS == tag { unpack(bits & ((1 << PAYLOAD_BITS) - 1)) } else { None }
    }

    /// Keeps a rule, in the place of another one. One that does not fit a word is not kept.
    pub fn put(&self, address: usize, cached: Cached) {
        let (index, tag) = Rules::split(address);
        if let Some(bits) = pack(cached) {
            self.0[index].store(tag << PAYLOAD_BITS | bits, Relaxed);
        }
    }

    /// Forgets all rules: a module was replaced by another.
    pub fn clear(&self) {
        self.0.iter().for_each(|entry| entry.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_fits_reads_back() {
        let saved = [SavedBp::Kept, SavedBp::Below(16), SavedBp::Below(511 * 8)];
        let mut all = vec![Rule::End, Rule::Signal, Rule::FramePointer, Rule::Realigned { offset: -8 }];
        for saved_bp in saved {
            for offset in [8, 16, 131_064, -131_072] {
                all.extend([Rule::Sp { offset, saved_bp }, Rule::Bp { offset, saved_bp }]);
            }
        }
        let rules = Box::leak(Box::new(Rules::new()));
        for rule in all {
            for stable in [false, true] {
                for address in [0x5555_5555_5555, 0x7fff_ffff_ffff, 0x1000] {
                    rules.put(address, Cached { rule, stable });
                    assert_eq!(rules.get(address), Some(Cached { rule, stable }));
                }
            }
        }
    }

    #[test]
    fn a_rule_is_of_one_address_and_no_other() {
        let rules = Box::new(Rules::new());
        for page in [0x5555_5555_0000, 0x7fff_f7a3_8000, 0] {
            rules.put(page, Cached { rule: Rule::End, stable: true });
            let others =
                (1..1 << INDEX_BITS).map(|low| page | low).chain((15..47).map(|bit| page ^ 1 << bit));
            assert!(others.into_iter().all(|other| rules.get(other).is_none()));
        }
    }

    #[test]
    fn a_rule_that_does_not_fit_is_not_kept() {
        for rule in [
            Rule::Sp { offset: 131_072, saved_bp: SavedBp::Kept },
            Rule::Sp { offset: -131_080, saved_bp: SavedBp::Kept },
            Rule::Sp { offset: 12, saved_bp: SavedBp::Kept },
            Rule::Bp { offset: 16, saved_bp: SavedBp::Below(4096) },
        ] {
            assert_eq!(pack(Cached { rule, stable: true }), None);
        }
    }

    #[test]
    fn addresses_that_share_an_entry_are_told_apart() {
        let rules = Box::leak(Box::new(Rules::new()));
        let (index, _) = Rules::split(0x40_0000);
        let other = (0x7f00_0000_0000usize..).find(|&a| Rules::split(a).0 == index).unwrap();
        rules.put(0x40_0000, Cached { rule: Rule::End, stable: true });
        assert_eq!(rules.get(other), None);
    }
}
