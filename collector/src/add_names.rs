//! Names for the addresses of a profile that was written without, here or on another machine.

use std::path::PathBuf;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use heaptrace_pprof::StringTable;
use heaptrace_pprof::proto::{Function, Location, Mapping, Profile};

use crate::functions::{Functions, add_flags};
use crate::recording::{Frame, Module};
use heaptrace_symbolize::{Located, Symbolizer};

/// How many locations had no name, and the modules that they are in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// Those that have one now.
    pub named: usize,
    /// Those that still have none.
    pub unnamed: usize,
    /// Each module with such locations, once.
    pub modules: Vec<Sought>,
}

/// A module whose file was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Its path in the profile.
    pub path: PathBuf,
    /// Its build id; empty if the profile has none.
    pub build_id: Vec<u8>,
    /// Where its file is.
    pub located: Located,
}

/// Names the locations of `profile` that have no name, from the files that its mappings tell, found
/// by path or build id. All others stay as they are.
pub fn add_names(profile: &mut Profile, symbolizer: &Symbolizer) -> Filled {
    let unnamed = unnamed(profile);
    let needed: HashSet<u64> = unnamed.iter().map(|&index| profile.location[index].mapping_id).collect();
    let mut filled = Filled::default();
    let mut found = Vec::new();
    // The indexes in `found` of the modules of mapping ids.
    let mut indexes = HashMap::new();
    for mapping in profile.mapping.iter().filter(|mapping| needed.contains(&mapping.id)) {
        let Some((module, sought)) = module(profile, mapping, symbolizer) else { continue };
        if let Some(module) = module {
            indexes.insert(mapping.id, found.len() as u32);
            found.push(module);
        }
        if !filled.modules.contains(&sought) {
            filled.modules.push(sought);
        }
    }
    let frame = |location: &Location| {
        let module = Some(*indexes.get(&location.mapping_id)?);
        Some(Frame { address: location.address, module })
    };
    let frames: Vec<_> = unnamed.iter().filter_map(|&index| frame(&profile.location[index])).collect();
    // Code made at run time had its names while its process lived, or never.
    const NO_PROCESS: u32 = 0;
    let symbols = symbolizer.symbolize(&found, &frames, NO_PROCESS);

    let mut strings = StringTable::of(std::mem::take(&mut profile.string_table));
    let mut functions = Functions::of(std::mem::take(&mut profile.function));
    for index in unnamed {
        let location = &mut profile.location[index];
        let frames = frame(location).map_or(&[][..], |frame| symbols.lookup(frame));
        if frames.iter().all(|frame| frame.function.system_name.is_empty()) {
            filled.unnamed += 1;
            continue;
        }
        filled.named += 1;
        location.line = functions.lines(frames, &mut strings);
        let mapping = profile.mapping.iter_mut().find(|mapping| mapping.id == location.mapping_id);
        mapping.into_iter().for_each(|mapping| add_flags(mapping, frames));
    }
    profile.function = functions.table;
    profile.string_table = strings.table;
    filled
}

/// Indexes of the locations without a name, or with one that only repeats the address.
fn unnamed(profile: &Profile) -> Vec<usize> {
    let text = |index: i64| profile.string_table.get(index as usize).map_or("", String::as_str);
    let repeats_address =
        |function: &Function| function.system_name == 0 && text(function.name).contains("+0x");
    let named = profile.function.iter().filter(|function| function.name != 0 && !repeats_address(function));
    let named: HashSet<u64> = named.map(|function| function.id).collect();
    let is_unnamed =
        |location: &Location| !location.line.iter().any(|line| named.contains(&line.function_id));
    let locations = profile.location.iter().enumerate();
    locations.filter(|(_, location)| is_unnamed(location)).map(|(index, _)| index).collect()
}

/// The module that a mapping is a part of, unless its file is not to be had, and where that is; nothing
/// of a mapping without a file.
fn module(profile: &Profile, mapping: &Mapping, symbolizer: &Symbolizer) -> Option<(Option<Module>, Sought)> {
    let text = |index: i64| profile.string_table.get(usize::try_from(index).ok()?);
    let path = text(mapping.filename).filter(|path| !path.is_empty())?;
    let mut module = Module {
        start: mapping.memory_start,
        end: mapping.memory_limit,
        bias: 0,
        path: PathBuf::from(path),
        build_id: text(mapping.build_id).and_then(|id| unhex(id)).unwrap_or_default(),
        file: None,
    };
    let mut sought =
        Sought { path: module.path.clone(), build_id: module.build_id.clone(), located: Located::Nowhere };
    if module.build_id.is_empty() {
        // Nothing tells whether this is the one that was mapped.
        let (path, file) = symbolizer.by_name(&module.path).unzip();
        module.file = file.map(Arc::new);
        sought.located = match (symbolizer.locate(&module), path) {
            (Located::At(_), Some(path)) => Located::At(path),
            (located, _) => located,
        };
    } else {
        sought.located = symbolizer.locate(&module);
    }
    let bias = symbolizer.bias(&module, mapping.memory_start, mapping.file_offset);
    Some((bias.map(|bias| Module { bias, ..module }), sought))
}

/// The bytes of a build id in hexadecimal.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    text.as_bytes().chunks(2).map(byte).collect()
}
