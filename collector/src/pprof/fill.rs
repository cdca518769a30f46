//! Names for the addresses of a profile that was written without, here or on another machine.

use std::path::PathBuf;

use hashbrown::{HashMap, HashSet};

use super::functions::Functions;
use super::proto::{Function, Location, Mapping, Profile};
use super::strings::Strings;
use crate::recording::{Frame, Module};
use crate::symbolize::Symbolizer;

/// How many locations had no name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    /// Those that have one now.
    pub named: usize,
    /// Those that still have none.
    pub unnamed: usize,
}

/// Names the locations of `profile` that have no name, from the files that its mappings tell, found
/// by path or build id. All others stay as they are.
pub fn fill(profile: &mut Profile, symbolizer: &Symbolizer) -> Filled {
    let unnamed = unnamed(profile);
    let modules: Vec<_> =
        profile.mapping.iter().map(|mapping| module(profile, mapping, symbolizer)).collect();
    let found: Vec<Module> = modules.iter().flatten().cloned().collect();
    // The indexes in `found` of the modules of mapping ids.
    let mut indexes = HashMap::new();
    for (mapping, _) in profile.mapping.iter().zip(&modules).filter(|(_, module)| module.is_some()) {
        indexes.insert(mapping.id, indexes.len() as u32);
    }
    let frame = |location: &Location| {
        let module = Some(*indexes.get(&location.mapping_id)?);
        Some(Frame { address: location.address, module })
    };
    let frames: Vec<_> = unnamed.iter().filter_map(|&index| frame(&profile.location[index])).collect();
    // Code made at run time had its names while its process lived, or never.
    const NO_PROCESS: u32 = 0;
    let symbols = symbolizer.symbolize(&found, &frames, NO_PROCESS);

    let mut strings = Strings::of(std::mem::take(&mut profile.string_table));
    let mut functions = Functions::of(std::mem::take(&mut profile.function));
    let mut filled = Filled::default();
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
        mapping.into_iter().for_each(|mapping| mapping.add_flags(frames));
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

/// The module that a mapping is a part of; `None` if its file is not to be had.
fn module(profile: &Profile, mapping: &Mapping, symbolizer: &Symbolizer) -> Option<Module> {
    let text = |index: i64| profile.string_table.get(usize::try_from(index).ok()?);
    let mut module = Module {
        start: mapping.memory_start,
        end: mapping.memory_limit,
        bias: 0,
        path: PathBuf::from(text(mapping.filename)?),
        build_id: unhex(text(mapping.build_id)?).unwrap_or_default(),
        file: None,
    };
    module.bias = symbolizer.bias(&module, mapping.memory_start, mapping.file_offset)?;
    Some(module)
}

/// The bytes of a build id in hexadecimal.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    text.as_bytes().chunks(2).map(byte).collect()
}
