//! What `heaptrace run` exits with where the program has no status.

/// What heaptrace's own failures exit with; the program's own statuses are passed on.
pub const FAILED: u8 = 125;
/// What it exits with if the program may not be executed, as a shell does.
pub const NOT_EXECUTABLE: u8 = 126;
/// What it exits with if there is no such program, as a shell does.
pub const NOT_FOUND: u8 = 127;
