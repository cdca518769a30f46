//! What tells one process's profiles from those of others: attributes, as OpenTelemetry names them.

use std::fmt;
use std::str::FromStr;

use heaptrace_collector::naming::{BadPattern, Pattern, Subject};
use heaptrace_collector::snapshot::Snapshot;

/// A name and its value, which may have the placeholders of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The name.
    name: String,
    /// The value.
    value: Pattern,
}

/// Why a text is no [`Label`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadLabel {
    /// There is no name, or none that servers take.
    Name(String),
    /// There is a placeholder that means nothing.
    Value(BadPattern),
}

impl fmt::Display for BadLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLabel::Name(text) => write!(
                f,
                "{text:?} is no label; use NAME=VALUE, with letters, digits, '_' and '.' in the name, which does \
                 not begin with a digit or \"__\""
            ),
            BadLabel::Value(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for BadLabel {}

impl FromStr for Label {
    type Err = BadLabel;

    fn from_str(text: &str) -> Result<Label, BadLabel> {
        let bad = || BadLabel::Name(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        let begins_well = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.starts_with("__");
        if name.is_empty() || !begins_well || !name.chars().all(is_letter) {
            return Err(bad());
        }
        let value = Pattern::parse(value.as_ref()).map_err(BadLabel::Value)?;
        Ok(Label { name: name.to_owned(), value })
    }
}

impl Label {
    /// One whose value is that text.
    pub fn literal(name: &str, value: &str) -> Option<Label> {
        let value = Pattern::parse(value.replace('%', "%%").as_ref()).ok()?;
        Some(Label { name: name.to_owned(), value })
    }
}

/// A property of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, such as `service.name`.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, which many processes may have in common.
    Text(String),
    /// A process id.
    Id(u32),
}

/// The name of the service in [`Attribute`]s.
pub const SERVICE: &str = "service.name";

/// The attributes of the process that a snapshot is of: those that are always told, and `labels`, the last
/// of which counts where several have one name.
pub fn attributes(snapshot: &Snapshot, labels: &[Label]) -> Vec<Attribute> {
    let name = snapshot.program.name();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut all: Vec<Attribute> = Vec::new();
    let mut set = |name: &str, value: Value| match all
        .iter_mut()
        .find(|known| label_name(&known.name) == label_name(name))
    {
        Some(known) => known.value = value,
        None => all.push(Attribute { name: name.to_owned(), value }),
    };
    set("process.executable.name", Value::Text(name.to_string_lossy().into_owned()));
    set("process.pid", Value::Id(snapshot.pid));
    set("host.name", Value::Text(host));
    let subject = Subject { name, pid: snapshot.pid, started: snapshot.started, is_program: true };
    for Label { name, value } in labels {
        set(name, Value::Text(value.text(&subject).to_string_lossy().into_owned()));
    }
    all
}

/// An attribute's name as Prometheus and Pyroscope have names: `service_name`.
pub fn label_name(attribute: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    attribute.chars().map(letter).collect()
}

/// The attributes as labels of a series. Process ids are not among them, unless somebody asks for that: a
/// store has room for a few thousand series.
pub fn series(attributes: &[Attribute]) -> impl Iterator<Item = (String, &str)> {
    attributes.iter().filter_map(|Attribute { name, value }| match value {
        Value::Text(text) if !text.is_empty() => Some((label_name(name), text.as_str())),
        Value::Text(_) | Value::Id(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use heaptrace_collector::Program;
    use heaptrace_collector::snapshot::Key;

    use super::*;

    fn snapshot() -> Snapshot {
        let executable = PathBuf::from("/bin/prog");
        let program = Program { pid: 7, started_as: executable.clone(), executable, command: Vec::new() };
        Snapshot::of_nothing(Key::default(), program, 1)
    }

    #[test]
    fn a_label_has_a_name_that_servers_take_and_a_value_with_placeholders() {
        for text in ["a=b", "a.b_c=", "_a=%n-%p-%h-%t-%%", "a=b=c, d"] {
            assert!(text.parse::<Label>().is_ok(), "{text}");
        }
        for text in ["", "a", "=b", "1a=b", "__a=b", "a b=c", "ä=b", "a=%q", "a-b=c"] {
            assert!(text.parse::<Label>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_of_several_labels_counts_however_it_is_spelled() {
        let labels = [
            Label::literal(SERVICE, "100%"),
            "service_name=%n/%p".parse().ok(),
            "pid=%p".parse().ok(),
            "empty=".parse().ok(),
        ];
        let labels: Vec<_> = labels.into_iter().flatten().collect();
        let all = attributes(&snapshot(), &labels);
        assert!(all.contains(&Attribute { name: SERVICE.into(), value: Value::Text("prog/7".into()) }));
        assert!(all.contains(&Attribute { name: "process.pid".into(), value: Value::Id(7) }));
        let series: Vec<_> = series(&all).filter(|(name, _)| name != "host_name").collect();
        let text = |name: &str, value| (name.to_owned(), value);
        assert_eq!(
            series,
            [text("process_executable_name", "prog"), text("service_name", "prog/7"), text("pid", "7")]
        );
        let literal = attributes(&snapshot(), &labels[..1]);
        assert!(literal.contains(&Attribute { name: SERVICE.into(), value: Value::Text("100%".into()) }));
    }
}
