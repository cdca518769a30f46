//! Who is watched, as whoever starts the screen knows it.

/// The programs that can be watched.
pub trait Watched: Send {
    /// All of them, in the order in which they are to be listed.
    fn choices(&mut self) -> Vec<Choice>;

    /// The profile of one of them up to now, as a file.
    ///
    /// # Errors
    /// Why there is none.
    fn profile(&mut self, pid: u32) -> anyhow::Result<Vec<u8>>;
}

/// A program that can be watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its process.
    pub pid: u32,
    /// The program and its arguments.
    pub command: String,
    /// How long it has been recorded, in seconds.
    pub seconds: u64,
    /// Bytes in use.
    pub in_use: i64,
    /// Samples taken.
    pub samples: u64,
}
