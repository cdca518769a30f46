//! The account of a program that keeps one of its own (`tests/programs/ledger.h`).

use std::collections::BTreeMap;

use super::Profile;
use super::profile::INDEXES;

/// For each function, its six values in the order of the profile's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger(pub BTreeMap<String, [i64; 6]>);

impl Ledger {
    /// Reads lines of `FUNCTION INDEX VALUE`; others are the program's own business.
    pub fn parse(text: &str) -> Ledger {
        let mut ledger = Ledger::default();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [function, index, value] = words[..] else { continue };
            let Some(at) = INDEXES.iter().position(|name| *name == index) else { continue };
            ledger.0.entry(function.to_owned()).or_default()[at] = value.parse().unwrap();
        }
        ledger
    }

    /// What is allocated under each function of the ledger is what the function says.
    #[track_caller]
    pub fn assert_equals(&self, profile: &Profile) {
        self.assert_equals_in(profile, &INDEXES);
    }

    /// As [`Ledger::assert_equals`], for some of the indexes.
    #[track_caller]
    pub fn assert_equals_in(&self, profile: &Profile, indexes: &[&str]) {
        assert!(!self.0.is_empty(), "an empty ledger");
        let mut wrong = Vec::new();
        for (function, values) in &self.0 {
            for index in indexes {
                let at = INDEXES.iter().position(|name| name == index).unwrap();
                let (got, true_value) = (profile.under(function, index), values[at]);
                if got != true_value {
                    wrong.push(format!("{function} {index}: {got}, but it was {true_value}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
