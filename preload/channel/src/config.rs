//! The settings that travel in environment variables, and how their values are written.

use core::fmt;

/// Mean bytes between samples.
pub const RATE: &str = "HEAPTRACE_RATE";
/// Seed of the sampling decisions.
pub const SEED: &str = "HEAPTRACE_SEED";
/// Pattern of the profiles' names.
pub const OUT: &str = "HEAPTRACE_OUT";
/// `all` or `none`: whether started processes are profiled too.
pub const CHILDREN: &str = "HEAPTRACE_CHILDREN";
/// `all` or `none`: whether allocators inside programs are patched.
pub const PATCH: &str = "HEAPTRACE_PATCH";
/// `none`, `symbols` or `full`: which names the collector looks up.
pub const SYMBOLIZE: &str = "HEAPTRACE_SYMBOLIZE";
/// Neither use nor keep names of other sessions, if it is not empty.
pub const NO_CACHE: &str = "HEAPTRACE_NO_CACHE";
/// How often the collector also writes profiles of the processes that go on.
pub const INTERVAL: &str = "HEAPTRACE_INTERVAL";
/// Where the collector serves the live endpoints.
pub const HTTP: &str = "HEAPTRACE_HTTP";
/// Where the collector sends profiles.
pub const PUSH: &str = "HEAPTRACE_PUSH";
/// How often it does that.
pub const PUSH_INTERVAL: &str = "HEAPTRACE_PUSH_INTERVAL";
/// What it labels them with: `NAME=VALUE,NAME=VALUE`.
pub const LABELS: &str = "HEAPTRACE_LABELS";
/// Path of the `heaptrace` binary.
pub const COLLECTOR: &str = "HEAPTRACE_COLLECTOR";
/// Where the collector of this tree of processes listens: a [`SessionAddress`].
///
/// Set by `heaptrace run`, or by the library in the first process.
pub const SESSION: &str = "HEAPTRACE_SESSION";

/// The value of [`SESSION`] after no collector could be started: what this process starts need not
/// try again, nor say so again.
pub const NO_SESSION: &str = "none";

/// Mean bytes between samples if nobody says otherwise: that of Go's runtime.
pub const DEFAULT_RATE: u64 = 512 * 1024;

/// Largest rate: 1 TiB.
pub const MAX_RATE: u64 = 1 << 40;

/// Reads a rate: a whole number of bytes with an optional unit (`B`, `K`, `KB`, `KiB`, … `TiB`).
/// All units are powers of 1024. `None` for what is no rate: 0 too, and more than [`MAX_RATE`].
pub fn parse_rate(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let number = parse_number(number)?;
    let shift = [(&b"k"[..], 10), (b"m", 20), (b"g", 30), (b"t", 40)]
        .into_iter()
        .find_map(|(prefix, shift)| unit_has_prefix(unit, prefix).then_some(shift))
        .or_else(|| (unit.is_empty() || unit.eq_ignore_ascii_case(b"b")).then_some(0))?;
    let rate = number.checked_mul(1 << shift)?;
    (1..=MAX_RATE).contains(&rate).then_some(rate)
}

/// Reads a rate as [`parse_rate`], or `off`, which is [`OFF`](crate::weight::OFF).
pub fn parse_rate_or_off(text: &[u8]) -> Option<u64> {
    if text == b"off" { Some(crate::weight::OFF) } else { parse_rate(text) }
}

/// `k`, `kb` or `kib` for the prefix `k`, in any case.
fn unit_has_prefix(unit: &[u8], prefix: &[u8]) -> bool {
    let Some((head, tail)) = unit.split_at_checked(1) else { return false };
    head.eq_ignore_ascii_case(prefix) && [&b""[..], b"b", b"ib"].iter().any(|t| tail.eq_ignore_ascii_case(t))
}

/// A rate as [`parse_rate_or_off`] reads it.
#[derive(Debug, Clone, Copy)]
pub struct RateText(pub u64);

impl fmt::Display for RateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RateText(rate) = *self;
        if rate == crate::weight::OFF {
            return f.write_str("off");
        }
        let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(shift, _)| rate.trailing_zeros() >= *shift) {
            Some((shift, unit)) => write!(f, "{}{unit}", rate >> shift),
            None => write!(f, "{rate}"),
        }
    }
}

/// Reads a whole number in decimal.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// The first part of a profile's name that looks like a placeholder and is none: `%` with what
/// follows. The placeholders are `%n`, `%p`, `%h`, `%t` and `%%`.
pub fn bad_placeholder(pattern: &[u8]) -> Option<&[u8]> {
    let mut rest = pattern;
    while let Some(at) = rest.iter().position(|&c| c == b'%') {
        match rest.get(at + 1) {
            Some(b'n' | b'p' | b'h' | b't' | b'%') => rest = &rest[at + 2..],
            other => return Some(&rest[at..at + 1 + usize::from(other.is_some())]),
        }
    }
    None
}

/// Where a collector listens and what it must be told: `NAME:TOKEN:PID:EXIT`.
///
/// `NAME` is an abstract unix socket's, `TOKEN` proves that a process has the variable by
/// inheritance (or is [`NO_TOKEN`]), `PID` is the program that the session is about, and `EXIT` is
/// `wait` if a process is to wait for its profile before it exits (nobody else would), else `go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionAddress<'a> {
    /// Name of the abstract socket.
    pub name: &'a [u8],
    /// The secret, 32 hexadecimal digits.
    pub token: &'a [u8],
    /// Process id of the program.
    pub program: u32,
    /// Processes wait for their profile before they exit.
    pub waits: bool,
}

/// Where else the collector listens: an abstract name does not cross network namespaces, but a file of
/// the same name does. It is in the folder of the library, where `heaptrace run` has put that, or here.
pub const SOCKET_FOLDER: &str = "/tmp";

/// What follows the name of a session's socket in that of another one, its bell: who starts many processes would
/// have each wake the collector, so that rests between two looks at who has come. Who waits for an answer rings.
pub const BELL: &str = ".bell";

/// Longest name of a session's socket: what `sun_path` holds after the NUL of an abstract name.
pub const MAX_NAME: usize = 107;

/// What the names of the library's own sockets begin with.
pub const SOCKET: &[u8] = b"heaptrace-";

/// Length of a session's token.
pub const TOKEN_LENGTH: usize = 32;

/// The token of a process that found the session by itself. The collector takes it from processes
/// of its own user only; see [`crate::handshake::same_user`].
pub const NO_TOKEN: [u8; TOKEN_LENGTH] = [b'0'; TOKEN_LENGTH];

impl<'a> SessionAddress<'a> {
    /// Reads the variable's value; `None` if it is malformed.
    pub fn parse(text: &'a [u8]) -> Option<SessionAddress<'a>> {
        let mut parts = text.split(|&c| c == b':');
        let mut part = || parts.next();
        let (name, token, program, exit) = (part()?, part()?, part()?, part()?);
        let program = u32::try_from(parse_number(program)?).ok()?;
        let valid =
            !name.is_empty() && name.len() <= MAX_NAME && token.len() == TOKEN_LENGTH && part().is_none();
        let waits = match exit {
            b"wait" => true,
            b"go" => false,
            _ => return None,
        };
        valid.then_some(SessionAddress { name, token, program, waits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_and_without_units() {
        for (text, rate) in [
            ("1", 1),
            ("524288", 524_288),
            ("512KiB", 524_288),
            ("512k", 524_288),
            ("1MiB", 1 << 20),
            ("2gb", 2 << 30),
            ("1TiB", MAX_RATE),
            ("7b", 7),
        ] {
            assert_eq!(parse_rate(text.as_bytes()), Some(rate), "{text}");
        }
        assert_eq!([&b"off"[..], b"1", b"on"].map(parse_rate_or_off), [Some(0), Some(1), None]);
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        extern crate std;
        for text in ["off", "1", "1000", "1025", "4KiB", "512KiB", "1536KiB", "1MiB", "3GiB", "1TiB"] {
            let rate = parse_rate_or_off(text.as_bytes()).unwrap();
            assert_eq!(std::format!("{}", RateText(rate)), text);
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "0",
            "0KiB",
            "-1",
            "fast",
            "1.5",
            "1 KiB",
            "2TiB",
            "1025GiB",
            "1TiB2",
            "k",
            "1kk",
            "99999999999999999999",
            "99999999999GiB",
        ] {
            assert_eq!(parse_rate(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_placeholder_and_is_none_is_found() {
        for (pattern, bad) in [
            (&b"plain"[..], None),
            (b"%n.%p.%h.%t.%%", None),
            (b"%%n", None),
            (b"%n%x.%y", Some(&b"%x"[..])),
            (b"a%", Some(b"%")),
        ] {
            assert_eq!(bad_placeholder(pattern), bad);
        }
    }

    #[test]
    fn a_session_reads_back_and_a_malformed_one_is_refused() {
        let token = "0123456789abcdef0123456789abcdef";
        let text = format!("heaptrace-1:{token}:42:wait");
        let session =
            SessionAddress { name: b"heaptrace-1", token: token.as_bytes(), program: 42, waits: true };
        assert_eq!(SessionAddress::parse(text.as_bytes()), Some(session));
        let text = format!("heaptrace-1:{token}:42:go");
        assert_eq!(SessionAddress::parse(text.as_bytes()), Some(SessionAddress { waits: false, ..session }));
        for text in [
            "",
            "a:b:1",
            &format!("a:{token}"),
            &format!(":{token}:1:go"),
            &format!("a:{token}:x:go"),
            &format!("a:{token}:1:x"),
            &format!("a:{token}:1:go:y"),
        ] {
            assert_eq!(SessionAddress::parse(text.as_bytes()), None, "{text}");
        }
    }
}
