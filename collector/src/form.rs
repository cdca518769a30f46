//! Which profile is made of a recording.

/// Types and units of a sample's values.
const SAMPLE_TYPES: [(&str, &str); 6] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
    ("peak_objects", "count"),
    ("peak_space", "bytes"),
];

/// Which profile is made of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Whether the values at the peak are in it.
    pub with_peak: bool,
    /// What is shown first.
    pub default_type: &'static str,
    /// What its times are.
    pub times: Times,
}

/// What the times of a profile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// When recording began, and how long it went on.
    Run,
    /// The moment only, as Go's heap profiles have it: some read a duration as a difference.
    Moment,
    /// Of a difference: its end, and how long it was.
    Difference,
}

impl Form {
    /// What a file has.
    pub const FILE: Form = Form { with_peak: true, default_type: "inuse_space", times: Times::Run };
    /// What a running process is asked for.
    pub const LIVE: Form = Form { with_peak: false, default_type: "inuse_space", times: Times::Moment };

    /// Whether the time line and the ages of blocks are in it. Their times are since the recording began,
    /// and for who asks every few seconds, and keeps no more than so many bytes, they are too much.
    pub fn has_history(self) -> bool {
        self.times == Times::Run
    }

    /// Types and units of its samples' values.
    pub fn sample_types(self) -> &'static [(&'static str, &'static str)] {
        if self.with_peak { &SAMPLE_TYPES } else { &SAMPLE_TYPES[..4] }
    }
}
