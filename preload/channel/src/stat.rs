//! What `/proc/PID/stat` tells of a process. Both ends tell processes apart by it.

use crate::config::parse_number;

/// A process as /proc knows it, which may be that of another namespace. An id can be used again,
/// but not with the same start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its id.
    pub pid: u64,
    /// Its parent's.
    pub parent: u64,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// It is a zombie, or about to be gone.
    pub ended: bool,
    /// A signal has stopped it.
    pub stopped: bool,
}

impl Stat {
    /// Reads `PID (NAME) STATE PARENT …`, where the start is the 22nd word, and the name can be
    /// anything: see proc(5). `None` if it is something else.
    pub fn parse(text: &[u8]) -> Option<Stat> {
        let (pid, rest) = text.split_at(text.iter().position(|&c| c == b' ')?);
        let end_of_name = rest.iter().rposition(|&c| c == b')')?;
        let mut words = rest[end_of_name..].split(|&c| c == b' ').skip(1);
        let state = words.next()?;
        let (parent, started) = (words.next()?, words.nth(17)?);
        Some(Stat {
            pid: parse_number(pid)?,
            parent: parse_number(parent)?,
            started: parse_number(started)?,
            ended: matches!(state, b"Z" | b"X"),
            stopped: state == b"T",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let rest = "41 40 39 34816 40 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 9 10";
        for name in ["make", "", "a b", ")", ") S 1 2", "((x)"] {
            for (state, ended, stopped) in [("S", false, false), ("Z", true, false), ("T", false, true)] {
                let text = format!("42 ({name}) {state} {rest}\n");
                let stat = Stat { pid: 42, parent: 41, started: 987_654, ended, stopped };
                assert_eq!(Stat::parse(text.as_bytes()), Some(stat), "{name}");
            }
        }
        for text in ["", "42", "42 (make)", "42 (make) S 41", &format!("x (make) S {rest}")] {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text}");
        }
    }
}
