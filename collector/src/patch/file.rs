//! The patches for one file.

use std::collections::BTreeMap;

use heaptrace_channel::patch::{Deed, Patch, Shape};
use heaptrace_symbolize::{Code, NamedFunction};
use serde::{Deserialize, Serialize};

use super::beginning::{Beginning, Unsafe, goes_on_to, jumped_into};
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilePlan {
    /// The patches at the addresses that the file has, with the names of the functions.
    patches: Vec<(String, Patch)>,
    /// What cannot be patched.
    pub left: Vec<LeftAlone>,
}

/// A plan as it is kept for the next session: each patch as it is in messages.
#[derive(Debug, Serialize, Deserialize)]
pub struct PackedPlan {
    patches: Vec<(String, Vec<u8>)>,
    left: Vec<LeftAlone>,
}

/// A plan that is made.
#[derive(Default)]
struct Draft {
    functions: Vec<Patchable>,
    left: Vec<LeftAlone>,
}

/// A function that is to be patched.
struct Patchable {
    start: u64,
    name: String,
    shape: Shape,
    beginning: Beginning,
}

impl Patchable {
    fn patch(self) -> (String, Patch) {
        let Patchable { start, name, shape, beginning } = self;
        let Beginning { skipped, replaced, moved, distances } = beginning;
        (name, Patch { function: start, skipped, shape, replaced, moved, distances })
    }
}

impl FilePlan {
    /// That for a file. In libraries, what the dynamic linker binds by the usual names is hooked already.
    pub fn of(code: &Code, is_program: bool) -> FilePlan {
        if !code.mentions(&names::MARKS) {
            return FilePlan::default();
        }
        let functions = code.functions();
        let wanted = Wanted::among(&functions, is_program);
        let mut draft = Draft::default();
        for (&start, wanted_here) in &wanted.0 {
            if wanted.has(wanted_here.goes_on_to(code, start)) {
                continue; // it is counted there
            }
            match wanted_here.beginning(code, start, &functions) {
                Ok(beginning) => draft.functions.push(Patchable {
                    start,
                    name: wanted_here.name.clone(),
                    shape: wanted_here.shape,
                    beginning,
                }),
                Err(why) => draft.leave(&wanted_here.name, wanted_here.shape, why),
            }
        }
        draft.leave_jumped_into(code);
        if draft.left.iter().any(|left| left.is_vital) {
            draft.functions.clear();
        }
        FilePlan { patches: draft.functions.into_iter().map(Patchable::patch).collect(), left: draft.left }
    }

    /// The names of what is to be patched, or left alone.
    pub fn into_names(self) -> Vec<String> {
        let left = self.left.into_iter().map(|left| left.function);
        self.patches.into_iter().map(|(name, _)| name).chain(left).collect()
    }

    /// Is there nothing to be done, and nothing to be said?
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty() && self.left.is_empty()
    }

    /// The patches where `bias` is added to the file's addresses.
    pub fn patches(&self, bias: u64) -> impl Iterator<Item = Patch> {
        let moved = move |patch: &Patch| Patch { function: patch.function.wrapping_add(bias), ..*patch };
        self.patches.iter().map(move |(_, patch)| moved(patch))
    }

    /// The plan to be kept.
    pub fn pack(&self) -> PackedPlan {
        let patches = self.patches.iter().map(|(name, patch)| (name.clone(), patch.encode().to_vec()));
        PackedPlan { patches: patches.collect(), left: self.left.clone() }
    }

    /// The plan that was kept; `None` if it makes no sense.
    pub fn unpack(packed: PackedPlan) -> Option<FilePlan> {
        let patch = |(name, bytes): (String, Vec<u8>)| {
            Some((name, Patch::decode(bytes.as_slice().try_into().ok()?)?))
        };
        let patches = packed.patches.into_iter().map(patch).collect::<Option<_>>()?;
        Some(FilePlan { patches, left: packed.left })
    }
}

impl Draft {
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
            let Patchable { name, shape, .. } = self.functions.remove(index);
            self.leave(&name, shape, Unsafe::JumpedInto);
        }
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
    fn size(&self, start: u64) -> u64 {
        (self.end - start).min(LONGEST)
    }

    fn goes_on_to(&self, code: &Code, start: u64) -> Option<u64> {
        let size = self.size(start);
        goes_on_to(&code.bytes(start, size)?, start, size as usize)
    }

    fn beginning(&self, code: &Code, start: u64, functions: &[NamedFunction]) -> Result<Beginning, Unsafe> {
        if self.is_ambiguous {
            return Err(Unsafe::Ambiguous);
        }
        let bytes = code.bytes(start, self.size(start) + BEHIND).ok_or(Unsafe::Unmovable)?;
        let beginning = Beginning::of(&bytes, start, self.size(start) as usize)?;
        let range = beginning.range(start);
        let next = functions.partition_point(|function| function.start <= start);
        let is_next_in = functions.get(next).is_some_and(|next| range.contains(&next.start));
        if is_next_in { Err(Unsafe::Short) } else { Ok(beginning) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use heaptrace_channel::patch::Bytes;

    use super::*;

    #[test]
    fn a_plan_is_kept_as_it_is() {
        let code = Code::of(File::open("/proc/self/exe").unwrap(), Path::new("/proc/self/exe")).unwrap();
        assert!(FilePlan::of(&code, true).is_empty(), "there is no allocator in this test");
        let patch = Patch {
            function: 0x1230,
            skipped: 4,
            shape: Shape::free(0),
            replaced: Bytes::of(&[0x55, 0x48, 0x89, 0xE5, 0x53]).unwrap(),
            moved: Bytes::of(&[0x55, 0x48, 0x89, 0xE5, 0x53, 0xE9, 0, 0, 0, 0]).unwrap(),
            distances: Default::default(),
        };
        let left = LeftAlone { function: "je_free".into(), why: Unsafe::Short, is_vital: true };
        let plan = FilePlan { patches: vec![("je_malloc".into(), patch)], left: vec![left] };
        assert_eq!(FilePlan::unpack(plan.pack()), Some(plan.clone()));
        assert_eq!(plan.patches(0x5000).next().unwrap().function, 0x6230);
        let damaged = |change: fn(&mut PackedPlan)| {
            let mut packed = plan.pack();
            change(&mut packed);
            FilePlan::unpack(packed)
        };
        assert_eq!(damaged(|packed| packed.patches[0].1.truncate(20)), None);
        assert_eq!(damaged(|packed| packed.patches[0].1[9] = 99), None, "no such deed");
    }
}
