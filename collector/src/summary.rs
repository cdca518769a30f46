//! What a session has come to: facts, for whoever tells a user of them.

use std::ffi::OsString;
use std::path::PathBuf;

use heaptrace_channel::handshake::Refusal;
use serde::{Deserialize, Serialize};

use crate::patch::LeftAlone;
use crate::recording::Counters;
use heaptrace_symbolize::Complaint;

/// So many processes are named one by one, and so many programs: of a server that starts one after the other
/// for days, the first.
pub const MOST_NAMED: usize = 1000;

/// What a session has come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The first profiles, and the program's, in the order in which they were written.
    pub profiles: Vec<Written>,
    /// The others.
    pub other_profiles: OtherProfiles,
    /// The first profiles that were written of processes that went on, in the order of their first.
    pub series: Vec<Series>,
    /// The others.
    pub other_series: OtherSeries,
    /// The first processes that could not be recorded.
    pub refused: Vec<Refused>,
    /// How many others could not.
    pub other_refused: u64,
    /// Programs with more forked children at a time than can be recorded.
    pub turned_away: Vec<TurnedAway>,
    /// Processes that were not recorded, as far as the kernel tells of them.
    pub missed: Vec<Missed>,
    /// There may be more of them: the kernel had more to tell than there was room for.
    pub missed_more: bool,
    /// Allocators inside programs that were not seen, or not all of them, once for each program and reason.
    pub unpatched: Vec<Unpatched>,
    /// Processes that still run: their profiles will be written when they end.
    pub running: usize,
    /// Processes seen.
    pub processes: usize,
    /// Why some names could not be looked up.
    pub complaints: Vec<Complaint>,
}

/// A profile that was written, or could not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Where it is.
    #[serde(with = "path")]
    pub path: PathBuf,
    /// The program's name.
    pub name: OsString,
    /// Its process id.
    pub pid: u32,
    /// It is that of the program that was asked for.
    pub is_program: bool,
    /// How complete it is.
    pub counters: Counters,
    /// Mean bytes between samples; [`OFF`](heaptrace_channel::weight::OFF) if that was not one rate.
    pub rate: u64,
    /// How the program came to its memory.
    pub malloc: Malloc,
    /// How much it had.
    pub memory: Memory,
    /// Whether it is there.
    pub outcome: Outcome,
}

/// Profiles that are too many to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProfiles {
    /// How many there are.
    pub count: u64,
    /// How complete they are, taken together.
    pub counters: Counters,
    /// How many of them could not be written.
    pub failed: u64,
    /// Where the last of these was to be, and why it is not there.
    pub why: String,
}

impl OtherProfiles {
    /// Counts another one.
    pub fn add(&mut self, written: &Written) {
        self.count += 1;
        self.counters += written.counters;
        if let Outcome::Failed(why) = &written.outcome {
            self.failed += 1;
            self.why = format!("{}: {why}", written.path.display());
        }
    }
}

/// The profiles of one process that were written while it went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The program's name.
    pub name: OsString,
    /// Its process id.
    pub pid: u32,
    /// The first.
    #[serde(with = "path")]
    pub first: PathBuf,
    /// The latest.
    #[serde(with = "path")]
    pub last: PathBuf,
    /// How many there are.
    pub count: u64,
    /// Why the last one that failed could not be written.
    pub failed: Option<String>,
}

/// Profiles that were written while processes went on, of too many to be named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherSeries {
    /// How many processes.
    pub processes: u64,
    /// How many profiles there are.
    pub count: u64,
    /// Why the last one that failed could not be written.
    pub failed: Option<String>,
}

impl OtherSeries {
    /// Counts another process.
    pub fn add(&mut self, series: &Series) {
        self.processes += 1;
        self.count += series.count;
        self.failed = series.failed.clone().or(self.failed.take());
    }
}

/// How much memory a process had, in bytes, as far as was seen; 0 for what is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The estimated heap at its peak.
    pub most_in_use: u64,
    /// The resident set at the end.
    pub resident: u64,
    /// The resident set at its peak.
    pub most_resident: u64,
}

/// What became of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is in a file.
    File,
    /// It went through a device, a fifo or the like, and cannot be read there again.
    Stream,
    /// It could not be written, for this reason.
    Failed(String),
}

/// Whose malloc a program calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Malloc {
    /// The one that is hooked.
    Hooked,
    /// The program has another one before it.
    Own,
    /// Nobody's, as far as can be seen.
    NeverCalled,
    /// It was not seen: the program did not load the library.
    Unseen,
}

/// A process that was not recorded, and has not said why; where there are many, several of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Its process id; the first's.
    pub pid: u32,
    /// How many processes it stands for.
    pub count: u64,
    /// The program's name; empty if it was over too soon to be seen.
    pub name: OsString,
    /// The reason.
    pub why: WhyMissed,
}

impl Missed {
    /// One process.
    pub fn one(pid: u32, name: OsString, why: WhyMissed) -> Missed {
        Missed { pid, count: 1, name, why }
    }

    /// Adds it to `all`, where there are too many to another of its program and for its reason.
    pub fn add_to(self, all: &mut Vec<Missed>) {
        let is_like = |other: &&mut Missed| other.name == self.name && other.why == self.why;
        let like = if all.len() < MOST_NAMED { None } else { all.iter_mut().find(is_like) };
        match like {
            Some(other) => other.count += self.count,
            None => all.push(self),
        }
    }
}

/// Why a process was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhyMissed {
    /// It has another malloc before the one that is hooked.
    OwnMalloc,
    /// It has an allocator inside that is not called by the usual names: what it does by these is counted.
    Inside,
    /// It did not announce itself.
    Silent {
        /// What it executed; empty if it was over too soon to be seen.
        executable: OsString,
        /// The library is in its environment.
        preloaded: bool,
    },
}

/// An allocator inside a program whose functions could not be patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpatched {
    /// The program's name.
    pub name: OsString,
    /// The process id of the first.
    pub pid: u32,
    /// The reason.
    pub why: WhyUnpatched,
}

/// Why an allocator inside a program was not patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhyUnpatched {
    /// Its code in memory is not that of its file.
    Changed,
    /// Code may not be made writable.
    Forbidden,
    /// There is no memory near its code.
    NoRoom,
    /// There were other threads.
    Threads,
    /// Some of its functions cannot be.
    Functions(Vec<LeftAlone>),
}

/// Forked children that could not be recorded, because too many others were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnedAway {
    /// The program's name.
    pub name: OsString,
    /// How many they were.
    pub count: u32,
}

impl TurnedAway {
    /// Adds it to `all`, each program once.
    pub fn add_to(self, all: &mut Vec<TurnedAway>) {
        match all.iter_mut().find(|other| other.name == self.name) {
            Some(other) => other.count = other.count.saturating_add(self.count),
            None => all.push(self),
        }
    }
}

/// A process that could not be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its process id.
    pub pid: u32,
    /// What the kernel called it.
    pub name: String,
    /// The reason.
    #[serde(with = "refusal")]
    pub why: Refusal,
}

/// A path of any bytes, which serde has for strings of the system only.
mod path {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(deserializer).map(PathBuf::from)
    }
}

/// A refusal as the byte that it is in the handshake.
mod refusal {
    use heaptrace_channel::handshake::{Refusal, decode_answer, encode_answer};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(why: &Refusal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(encode_answer(Err(*why)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Refusal, D::Error> {
        let answer = decode_answer(u8::deserialize(deserializer)?);
        answer.and_then(Result::err).ok_or_else(|| D::Error::custom("no refusal"))
    }
}
