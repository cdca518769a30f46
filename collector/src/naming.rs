//! The names of profiles: patterns such as `heaptrace.%n.%p.prof`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use heaptrace_channel::config::bad_placeholder;

/// The pattern if nobody says otherwise.
pub const DEFAULT_PATTERN: &str = "heaptrace.%n.%p.prof";

/// A checked pattern: `%n` program name, `%p` process id, `%h` host, `%t` UTC time, `%%` a percent sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// A `%` that is followed by something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' in the name of the profile means nothing: use %n, %p, %h, %t or %%", self.0)
    }
}

impl std::error::Error for BadPattern {}

/// Whose profile it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// File name of the executable.
    pub name: &'a str,
    /// Process id.
    pub pid: u32,
    /// When the process began to be recorded.
    pub started: SystemTime,
    /// It is the program that was asked for, in its last image.
    pub is_program: bool,
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] names the first part that means nothing.
    pub fn parse(text: &str) -> Result<Pattern, BadPattern> {
        match bad_placeholder(text.as_bytes()) {
            Some(part) => Err(BadPattern(String::from_utf8_lossy(part).into_owned())),
            None => Ok(Pattern(text.into())),
        }
    }

    /// The folder that profiles go to, as far as it can be told in advance.
    pub fn folder(&self) -> PathBuf {
        let fixed = self.0.find('%').map_or(self.0.as_str(), |at| &self.0[..at]);
        let folder = fixed.rfind('/').map_or(".", |slash| &fixed[..=slash]);
        PathBuf::from(folder)
    }

    /// The path of a profile.
    pub fn path(&self, subject: &Subject) -> PathBuf {
        let path = PathBuf::from(self.expand(subject));
        if subject.is_program || self.has_pid() {
            path
        } else {
            insert(&path, &format!("{}.{}", subject.name, subject.pid))
        }
    }

    fn has_pid(&self) -> bool {
        self.0.replace("%%", "").contains("%p")
    }

    fn expand(&self, subject: &Subject) -> String {
        let mut result = String::new();
        let mut rest = self.0.as_str();
        while let Some((head, tail)) = rest.split_once('%') {
            result += head;
            result += &match tail.as_bytes().first() {
                Some(b'n') => subject.name.to_owned(),
                Some(b'p') => subject.pid.to_string(),
                Some(b'h') => rustix::system::uname().nodename().to_string_lossy().into_owned(),
                Some(b't') => utc(subject.started),
                _ => "%".to_owned(),
            };
            rest = tail.get(1..).unwrap_or("");
        }
        result + rest
    }
}

/// Puts `.part` before a path's extension.
pub fn insert(path: &Path, part: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}.{part}.{}", extension.to_string_lossy()),
        None => format!("{stem}.{part}"),
    };
    path.with_file_name(name)
}

/// A time as `20261122T174501Z`.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days: years begin
    // in March, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + later;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(pattern: &str, is_program: bool) -> String {
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_210_096); // date -u -d @1709210096
        let subject = Subject { name: "cc1plus", pid: 4242, started, is_program };
        Pattern::parse(pattern).unwrap().path(&subject).display().to_string()
    }

    #[test]
    fn a_pattern_without_pid_names_the_program_and_others_get_name_and_pid() {
        assert_eq!(path("out.prof", true), "out.prof");
        assert_eq!(path("out.prof", false), "out.cc1plus.4242.prof");
        assert_eq!(path("dir.d/out", false), "dir.d/out.cc1plus.4242");
        assert_eq!(path("%%p.prof", false), "%p.cc1plus.4242.prof");
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(path(DEFAULT_PATTERN, false), "heaptrace.cc1plus.4242.prof");
        assert_eq!(path("%t-100%%.prof", true), "20240229T123456Z-100%.prof");
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        assert_eq!(Pattern::parse("a.%q"), Err(BadPattern("%q".into())));
        assert_eq!(Pattern::parse("a.%"), Err(BadPattern("%".into())));
    }

    #[test]
    fn the_folder_is_what_comes_before_the_first_placeholder() {
        let folder = |pattern| Pattern::parse(pattern).unwrap().folder().display().to_string();
        assert_eq!(folder("x.prof"), ".");
        assert_eq!(folder("/tmp/a/x.%p"), "/tmp/a/");
        assert_eq!(folder("/tmp/%n/x"), "/tmp/");
    }
}
