//! What the values of options, variables and parameters must be like.

/// What an interval must be like.
pub const BAD_INTERVAL: &str = "use a number with a unit, from 100ms to a year, such as 10s or 5m";

/// What a rate must be like.
pub const BAD_RATE: &str = "use a number of bytes from 1 to 1TiB, such as 64KiB or 1";

/// What it must be like where there may be none.
pub const BAD_RATE_OR_OFF: &str = "use a number of bytes from 1 to 1TiB, such as 64KiB or 1, or off";

/// What a mark's name must be like.
pub const BAD_MARK: &str = "a mark's name has 1 to 256 bytes and no control characters";
