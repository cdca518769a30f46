//! What `heaptrace stat --json` has written.

use std::path::Path;

use serde_json::Value;

/// A file of numbers.
pub struct Counts(pub Value);

impl Counts {
    /// Reads the file.
    #[track_caller]
    pub fn read(path: &Path) -> Counts {
        let text = std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        Counts(serde_json::from_slice(&text).unwrap())
    }

    /// A number of the last run.
    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        number(&self.0["runs"].as_array().unwrap().last().unwrap()[name])
    }

    /// What processes of that id counted, from exec to exec.
    pub fn processes(&self, pid: i64) -> Vec<&Value> {
        self.all().filter(|process| process["pid"] == pid).collect()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.0["processes"].as_array().unwrap().iter()
    }

    /// Calls of a family and bytes, of all processes.
    pub fn family(&self, name: &str) -> (i64, i64) {
        let of = |what: &str| self.all().map(|process| number(&process["families"][name][what])).sum();
        (of("calls"), of("bytes"))
    }

    /// The verdict on a number, where programs were compared.
    #[track_caller]
    pub fn verdict(&self, name: &str) -> &str {
        let rows = self.0["comparison"].as_array().unwrap();
        let row =
            rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {rows:?}"));
        row["verdict"].as_str().unwrap()
    }
}

/// A whole number.
#[track_caller]
pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}
