//! A profile as text, `?debug=1`: the older form of Go's heap profiles, which pprof reads too.

use std::fmt::Write;

use heaptrace_pprof::proto::{Location, Mapping, Profile};

/// The text. `heap/2` has pprof take the values as they are, instead of scaling them once more.
pub fn text(profile: &Profile) -> String {
    let sum = |index: usize| profile.sample.iter().map(|sample| value(&sample.value, index)).sum::<i64>();
    let mut text = format!("heap profile: {} @ heap/2\n", values(sum));
    let samples = &mut profile.sample.iter().collect::<Vec<_>>();
    samples.sort_by_key(|sample| std::cmp::Reverse(value(&sample.value, 3)));
    for sample in samples {
        let locations = || sample.location_id.iter().filter_map(|&id| location(profile, id));
        let _ = write!(text, "{} @", values(|index| value(&sample.value, index)));
        // Return addresses, as it has had since before there were calls' own.
        for location in locations() {
            let _ = write!(text, " {:#x}", location.address + 1);
        }
        text += "\n";
        locations().for_each(|location| describe(&mut text, profile, location));
        text += "\n";
    }
    for comment in &profile.comment {
        let _ = writeln!(text, "# {}", string(profile, *comment));
    }
    let _ = writeln!(text, "# mean bytes between samples: {}\n", profile.period);
    text += "MAPPED_LIBRARIES:\n";
    profile.mapping.iter().for_each(|mapping| describe_mapping(&mut text, profile, mapping));
    text
}

/// `objects: bytes [objects: bytes]`, of what is in use and of what was allocated.
fn values(of: impl Fn(usize) -> i64) -> String {
    format!("{}: {} [{}: {}]", of(2), of(3), of(0), of(1))
}

fn value(values: &[i64], index: usize) -> i64 {
    values.get(index).copied().unwrap_or(0)
}

/// Ids count from 1.
fn location(profile: &Profile, id: u64) -> Option<&Location> {
    profile.location.get(usize::try_from(id).ok()?.checked_sub(1)?)
}

fn string(profile: &Profile, index: i64) -> &str {
    usize::try_from(index).ok().and_then(|index| profile.string_table.get(index)).map_or("", String::as_str)
}

fn describe(text: &mut String, profile: &Profile, location: &Location) {
    for line in &location.line {
        let function = usize::try_from(line.function_id).ok().and_then(|id| id.checked_sub(1));
        let Some(function) = function.and_then(|index| profile.function.get(index)) else { continue };
        let (name, file) = (string(profile, function.name), string(profile, function.filename));
        let _ = writeln!(text, "#\t{:#x}\t{name}\t{file}:{}", location.address, line.line);
    }
}

/// As /proc/PID/maps has it.
fn describe_mapping(text: &mut String, profile: &Profile, mapping: &Mapping) {
    let Mapping { memory_start, memory_limit, file_offset, filename, .. } = mapping;
    let path = string(profile, *filename);
    let _ = writeln!(text, "{memory_start:x}-{memory_limit:x} r-xp {file_offset:08x} 00:00 0 {path}");
}
