//! How an interval is written: `10s`, `5m`, `1h 30m`.

use std::time::Duration;

use anyhow::{Result, anyhow};
use jiff::SignedDuration;

use crate::messages;

/// Writing a profile takes about as long.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads an interval.
///
/// # Errors
/// If it is none, or too short or long.
pub fn parse(text: &str) -> Result<Duration> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| (SHORTEST..=LONGEST).contains(duration))
        .ok_or_else(|| anyhow!(messages::options::BAD_INTERVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_unit_and_is_neither_nothing_nor_for_ever() {
        for (text, millis) in [("10s", 10_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250)] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "10", "0s", "-5s", "1us", "10 years", "soon"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
