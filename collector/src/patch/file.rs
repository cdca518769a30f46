//! The patches for one file.

use std::collections::BTreeMap;

use heaptrace_channel::patch::{Deed, Patch, Shape};
use heaptrace_symbolize::{Code, NamedFunction};
use serde::{Deserialize, Serialize};

use super::beginning::{Beginning, Unsafe, jumped_into, target_of_jump};
use super::names;

/// Most bytes of a function that are looked at as its own.
const LONGEST: u64 = 1 << 16;
/// What may follow a function before the next.
const BEHIND: u64 = 32;
/// How much code is read at once.
const PIECE: u64 = 1 << 20;

/// A function that is not patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Its name.
    pub function: String,
    /// The reason.
    pub why: Unsafe,
    /// Without it nothing in its file is patched: frees would go unseen.
    pub is_vital: bool,
}

/// What is to be done in a file.
#[derive(Debug, Clone, Default)]
pub struct FilePlan {
    functions: Vec<Function>,
    /// What cannot be patched.
    pub left: Vec<LeftAlone>,
}

/// A function that is to be patched.
#[derive(Debug, Clone)]
struct Function {
    start: u64,
    name: String,
    shape: Shape,
    beginning: Beginning,
}

impl FilePlan {
    /// That for a file. In libraries, what the dynamic linker binds by the usual names is hooked already.
    pub fn of(code: &Code, is_program: bool) -> FilePlan {
        if !code.mentions(&names::MARKS) {
            return FilePlan::default();
        }
        let functions = code.functions();
        let wanted = Wanted::among(&functions, is_program);
        let mut plan = FilePlan::default();
        for (&start, wanted_here) in &wanted.0 {
            match wanted_here.beginning(code, start, &functions) {
                // Who only goes on to another of them is counted there.
                Ok(beginning) if wanted.has(target_of_jump(&beginning, start)) => {}
                Ok(beginning) => plan.functions.push(Function {
                    start,
                    name: wanted_here.name.clone(),
                    shape: wanted_here.shape,
                    beginning,
                }),
                Err(why) => plan.leave(&wanted_here.name, wanted_here.shape, why),
            }
        }
        plan.leave_jumped_into(code);
        if plan.left.iter().any(|left| left.is_vital) {
            plan.functions.clear();
        }
        plan
    }

    /// The names of what is to be patched, or left alone.
    pub fn into_names(self) -> Vec<String> {
        let left = self.left.into_iter().map(|left| left.function);
        self.functions.into_iter().map(|function| function.name).chain(left).collect()
    }

    fn leave(&mut self, name: &str, shape: Shape, why: Unsafe) {
        let is_vital = !matches!(shape.deed, Deed::Make | Deed::Store);
        self.left.push(LeftAlone { function: name.to_owned(), why, is_vital });
    }

    /// Leaves alone what other code jumps into.
    fn leave_jumped_into(&mut self, code: &Code) {
        /// A jump that begins in one piece ends in the next.
        const OVERLAP: u64 = 8;
        let ranges: Vec<_> = self.functions.iter().map(|it| it.beginning.range(it.start)).collect();
        let mut found = Vec::new();
        for segment in code.segments() {
            for offset in (0..segment.size).step_by(PIECE as usize) {
                let at = segment.start + offset;
                let piece = code.bytes(at, PIECE + OVERLAP).unwrap_or_default();
                found.extend(jumped_into(&piece, at, &ranges));
            }
        }
        found.sort_unstable();
        found.dedup();
        for index in found.into_iter().rev() {
            let Function { name, shape, .. } = self.functions.remove(index);
            self.leave(&name, shape, Unsafe::JumpedInto);
        }
    }

    /// The patches where `bias` is added to the file's addresses.
    pub fn patches(&self, bias: u64) -> impl Iterator<Item = Patch> {
        self.functions.iter().map(move |Function { start, shape, beginning, .. }| Patch {
            function: start.wrapping_add(bias),
            skipped: beginning.skipped,
            shape: *shape,
            replaced: beginning.replaced,
            moved: beginning.moved,
            distances: beginning.distances,
        })
    }
}

/// The allocators' functions, by where they begin.
struct Wanted(BTreeMap<u64, WantedFunction>);

struct WantedFunction {
    name: String,
    shape: Shape,
    end: u64,
    is_ambiguous: bool,
}

impl Wanted {
    fn among(functions: &[NamedFunction], is_program: bool) -> Wanted {
        let prefixes = names::prefixes(functions.iter().map(|function| &*function.name));
        let is_hooked = |name: &str| {
            !is_program
                && names::is_standard(name)
                && functions.iter().any(|function| function.is_exported && function.name == name)
        };
        let mut wanted: BTreeMap<u64, WantedFunction> = BTreeMap::new();
        let mut is_inside = false;
        for NamedFunction { name, start, end, .. } in functions {
            let Some(shape) = names::shape(name, &prefixes) else { continue };
            is_inside |= names::MARKS.iter().any(|mark| name.contains(mark));
            if is_hooked(name) {
                continue;
            }
            let new = || WantedFunction { name: name.clone(), shape, end: *end, is_ambiguous: false };
            let here = wanted.entry(*start).or_insert_with(new);
            here.is_ambiguous |= here.shape != shape;
            here.end = here.end.max(*end);
        }
        // Else it only uses an allocator, or has names that look like one's.
        Wanted(if is_inside { wanted } else { BTreeMap::new() })
    }

    fn has(&self, target: Option<u64>) -> bool {
        target.is_some_and(|target| self.0.contains_key(&target))
    }
}

impl WantedFunction {
    fn beginning(&self, code: &Code, start: u64, functions: &[NamedFunction]) -> Result<Beginning, Unsafe> {
        if self.is_ambiguous {
            return Err(Unsafe::Ambiguous);
        }
        let size = (self.end - start).min(LONGEST);
        let bytes = code.bytes(start, size + BEHIND).ok_or(Unsafe::Unmovable)?;
        let beginning = Beginning::of(&bytes, start, size as usize)?;
        let range = beginning.range(start);
        let next = functions.partition_point(|function| function.start <= start);
        let is_next_in = functions.get(next).is_some_and(|next| range.contains(&next.start));
        if is_next_in { Err(Unsafe::Short) } else { Ok(beginning) }
    }
}
