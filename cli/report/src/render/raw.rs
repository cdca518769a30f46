//! A profile as text, message by message, in the form of pprof's `profile/profile.go`, `String`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use heaptrace_pprof::proto::{Location, Mapping, Profile, Sample};

use crate::measure;

/// Writes the message, whose references exist.
pub fn write(out: &mut dyn Write, profile: &Profile) -> io::Result<()> {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    for &comment in &profile.comment {
        writeln!(out, "Comment: {}", text(comment))?;
    }
    if profile.doc_url != 0 {
        writeln!(out, "Doc: {}", text(profile.doc_url))?;
    }
    let period_type = profile.period_type.unwrap_or_default();
    writeln!(out, "PeriodType: {} {}", text(period_type.r#type), text(period_type.unit))?;
    writeln!(out, "Period: {}", profile.period)?;
    if let Some(time) = measure::local_time(profile.time_nanos, "%Y-%m-%d %H:%M:%S%.f %z %Z") {
        writeln!(out, "Time: {time}")?;
    }
    if profile.duration_nanos != 0 {
        writeln!(out, "Duration: {}", measure::label(profile.duration_nanos, "nanoseconds", "auto"))?;
    }
    writeln!(out, "Samples:")?;
    let types = profile.sample_type.iter().map(|t| {
        let default = t.r#type == profile.default_sample_type && t.r#type != 0;
        format!("{}/{}{}", text(t.r#type), text(t.unit), if default { "[dflt]" } else { "" })
    });
    writeln!(out, "{}", types.collect::<Vec<_>>().join(" "))?;
    for one in &profile.sample {
        sample(out, profile, one)?;
    }
    writeln!(out, "Locations")?;
    for one in &profile.location {
        location(out, profile, one)?;
    }
    writeln!(out, "Mappings")?;
    for one in &profile.mapping {
        mapping(out, profile, one)?;
    }
    Ok(())
}

fn sample(out: &mut dyn Write, profile: &Profile, sample: &Sample) -> io::Result<()> {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    for value in &sample.value {
        write!(out, " {value:>10}")?;
    }
    write!(out, ": ")?;
    for id in &sample.location_id {
        write!(out, "{id} ")?;
    }
    writeln!(out)?;
    let (mut texts, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for label in &sample.label {
        let (labels, value) = match (label.str, text(label.num_unit)) {
            (0, "") => (&mut numbers, label.num.to_string()),
            (0, unit) => (&mut numbers, format!("{} {unit}", label.num)),
            (text_of, _) => (&mut texts, text(text_of).to_owned()),
        };
        labels.entry(text(label.key)).or_insert_with(Vec::new).push(value);
    }
    for labels in [texts, numbers] {
        let labels = labels.iter().map(|(key, values)| format!("{key}:[{}]", values.join(" ")));
        let labels: Vec<String> = labels.collect();
        if !labels.is_empty() {
            writeln!(out, "{:16}{}", "", labels.join(" "))?;
        }
    }
    Ok(())
}

fn location(out: &mut dyn Write, profile: &Profile, location: &Location) -> io::Result<()> {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    write!(out, "{:>6}: {:#x} ", location.id, location.address)?;
    if location.mapping_id != 0 {
        write!(out, "M={} ", location.mapping_id)?;
    }
    if location.is_folded {
        write!(out, "[F] ")?;
    }
    if location.line.is_empty() {
        return writeln!(out);
    }
    for (i, line) in location.line.iter().enumerate() {
        if i > 0 {
            write!(out, "{:13}", "")?;
        }
        // Ids count from 1, in the order of the functions.
        let function = &profile.function[line.function_id as usize - 1];
        let (name, file) = (text(function.name), text(function.filename));
        let column = if line.column == 0 { String::new() } else { format!(":{}", line.column) };
        write!(out, "{name} {file}:{}{column} s={}", line.line, function.start_line)?;
        match function.system_name {
            system_name if system_name == function.name => writeln!(out)?,
            system_name => writeln!(out, "({})", text(system_name))?,
        }
    }
    Ok(())
}

fn mapping(out: &mut dyn Write, profile: &Profile, mapping: &Mapping) -> io::Result<()> {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    write!(
        out,
        "{}: {:#x}/{:#x}/{:#x} {} {} ",
        mapping.id,
        mapping.memory_start,
        mapping.memory_limit,
        mapping.file_offset,
        text(mapping.filename),
        text(mapping.build_id)
    )?;
    for (has, mark) in [
        (mapping.has_functions, "[FN]"),
        (mapping.has_filenames, "[FL]"),
        (mapping.has_line_numbers, "[LN]"),
        (mapping.has_inline_frames, "[IN]"),
    ] {
        if has {
            write!(out, "{mark}")?;
        }
    }
    writeln!(out)
}
