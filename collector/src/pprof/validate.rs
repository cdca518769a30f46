//! What a profile must fulfil beside being well-formed protobuf.

use std::collections::HashSet;

use super::proto::{Profile, ValueType};

/// Checks what `CheckValid` and `postDecode` of google/pprof check: values per sample as many as
/// sample types, ids unique and not 0, references to something that exists, strings in the table.
///
/// The error says what is wrong, with its id or index.
pub(super) fn validate(profile: &Profile) -> Result<(), String> {
    strings(profile)?;
    let mappings = ids("mapping", profile.mapping.iter().map(|m| m.id))?;
    let functions = ids("function", profile.function.iter().map(|f| f.id))?;
    let locations = ids("location", profile.location.iter().map(|l| l.id))?;

    for location in &profile.location {
        let id = location.id;
        if location.mapping_id != 0 && !mappings.contains(&location.mapping_id) {
            return Err(format!(
                "location {id} refers to mapping {}, which does not exist",
                location.mapping_id
            ));
        }
        if let Some(line) = location.line.iter().find(|l| !functions.contains(&l.function_id)) {
            return Err(format!(
                "location {id} refers to function {}, which does not exist",
                line.function_id
            ));
        }
    }
    for (index, sample) in profile.sample.iter().enumerate() {
        let (values, types) = (sample.value.len(), profile.sample_type.len());
        if values != types {
            return Err(format!("sample {index} has {values} values, but there are {types} sample types"));
        }
        if let Some(id) = sample.location_id.iter().find(|id| !locations.contains(id)) {
            return Err(format!("sample {index} refers to location {id}, which does not exist"));
        }
    }
    Ok(())
}

/// The set of ids of one kind of thing.
fn ids(kind: &str, ids: impl Iterator<Item = u64>) -> Result<HashSet<u64>, String> {
    let mut seen = HashSet::new();
    for id in ids {
        if id == 0 {
            return Err(format!("a {kind} has the id 0"));
        }
        if !seen.insert(id) {
            return Err(format!("two {kind}s have the id {id}"));
        }
    }
    Ok(seen)
}

/// Checks each index into the string table.
fn strings(profile: &Profile) -> Result<(), String> {
    if profile.string_table.first().is_some_and(|first| !first.is_empty()) {
        return Err("the first string is not empty".to_owned());
    }
    let values = |v: &ValueType| [v.r#type, v.unit];
    let indices = [profile.drop_frames, profile.keep_frames, profile.default_sample_type, profile.doc_url]
        .into_iter()
        .chain(profile.comment.iter().copied())
        .chain(profile.sample_type.iter().chain(&profile.period_type).flat_map(values))
        .chain(profile.mapping.iter().flat_map(|m| [m.filename, m.build_id]))
        .chain(profile.function.iter().flat_map(|f| [f.name, f.system_name, f.filename]))
        .chain(profile.sample.iter().flat_map(|s| &s.label).flat_map(|l| [l.key, l.str, l.num_unit]));

    // Protobuf leaves out zeros, so a message without strings has index 0 everywhere and no table.
    let count = profile.string_table.len().max(1);
    for index in indices {
        if !usize::try_from(index).is_ok_and(|index| index < count) {
            return Err(format!("string {index} does not exist, there are {count}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pprof::proto::{Function, Line, Location, Mapping, Sample};

    type Break = fn(&mut Profile);

    fn valid() -> Profile {
        Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }],
            sample: vec![Sample { location_id: vec![7], value: vec![42], label: vec![] }],
            mapping: vec![Mapping { id: 1, ..Mapping::default() }],
            location: vec![Location {
                id: 7,
                mapping_id: 1,
                line: vec![Line { function_id: 3, ..Line::default() }],
                ..Location::default()
            }],
            function: vec![Function { id: 3, name: 1, ..Function::default() }],
            string_table: ["", "space", "bytes"].map(String::from).to_vec(),
            ..Profile::default()
        }
    }

    #[test]
    fn a_profile_whose_references_exist_is_valid() {
        assert_eq!(validate(&valid()), Ok(()));
    }

    #[test]
    fn each_defect_is_named_with_its_datum() {
        let defects: [(&str, Break); 9] = [
            ("sample 0 has 2 values, but there are 1 sample types", |p| p.sample[0].value.push(1)),
            ("sample 0 refers to location 8, which does not exist", |p| p.sample[0].location_id[0] = 8),
            ("location 7 refers to mapping 2, which does not exist", |p| p.location[0].mapping_id = 2),
            ("location 7 refers to function 0, which does not exist", |p| {
                p.location[0].line[0].function_id = 0
            }),
            ("a mapping has the id 0", |p| p.mapping[0].id = 0),
            ("two functions have the id 3", |p| p.function.push(p.function[0])),
            ("string 3 does not exist, there are 3", |p| p.function[0].filename = 3),
            ("string -1 does not exist, there are 3", |p| p.comment.push(-1)),
            ("the first string is not empty", |p| p.string_table[0].push('x')),
        ];
        for (text, break_it) in defects {
            let mut profile = valid();
            break_it(&mut profile);
            assert_eq!(validate(&profile), Err(text.to_owned()));
        }
    }
}
