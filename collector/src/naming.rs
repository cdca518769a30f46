//! The names of profiles: patterns such as `heaptrace.%n.%p.prof`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use heaptrace_channel::config::bad_placeholder;
use heaptrace_pprof::whole_file::{self, Nameless};

/// The pattern if nobody says otherwise.
pub const DEFAULT_PATTERN: &str = "heaptrace.%n.%p.prof";

/// Longest name of a file, in bytes: NAME_MAX of limits.h.
const MAX_NAME: usize = 255;

/// A checked pattern: `%n` program name, `%p` process id, `%h` host, `%t` UTC time, `%%` a percent sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(OsString);

/// A `%` that is followed by something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' means nothing here: use %n, %p, %h, %t or %%", self.0)
    }
}

impl std::error::Error for BadPattern {}

/// Whose profile it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// File name of the executable.
    pub name: &'a OsStr,
    /// Process id.
    pub pid: u32,
    /// When the process began to be recorded.
    pub started: SystemTime,
    /// It is the program that was asked for, in its last image.
    pub is_program: bool,
}

impl Default for Pattern {
    fn default() -> Pattern {
        Pattern(DEFAULT_PATTERN.into())
    }
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] names the first part that means nothing.
    pub fn parse(text: &OsStr) -> Result<Pattern, BadPattern> {
        match bad_placeholder(text.as_bytes()) {
            Some(part) => Err(BadPattern(String::from_utf8_lossy(part).into_owned())),
            None => Ok(Pattern(text.to_owned())),
        }
    }

    /// The path of a profile. Where the name of the file would be too long, the program's is cut in it.
    pub fn path(&self, subject: &Subject) -> PathBuf {
        let path_with = |name: &[u8]| self.whole_path(&Subject { name: OsStr::from_bytes(name), ..*subject });
        let length_with = |name: &[u8]| path_with(name).file_name().map_or(0, OsStr::len);
        let name = subject.name.as_bytes();
        if length_with(name) <= MAX_NAME {
            return path_with(name);
        }
        // Without a name there may be no file name at all.
        let one = length_with(b"x");
        let uses = length_with(b"xx") - one;
        let room = (MAX_NAME + uses).saturating_sub(one).checked_div(uses);
        path_with(room.map_or(name, |room| cut(name, room)))
    }

    /// The pattern with its placeholders filled in.
    pub fn text(&self, subject: &Subject) -> OsString {
        OsString::from_vec(self.expand(subject))
    }

    fn whole_path(&self, subject: &Subject) -> PathBuf {
        let path = PathBuf::from(self.text(subject));
        if subject.is_program || self.has(b'p') {
            path
        } else {
            let pid = format!(".{}", subject.pid);
            insert_whole(&path, &[subject.name.as_bytes(), pid.as_bytes()].concat())
        }
    }

    /// Could the profile of a program of that name be written, as far as can be told in advance? If it is known where it
    /// will be, the file is there that it can be written to.
    ///
    /// # Errors
    /// Which file cannot be written, and why.
    pub fn check(&self, name: &OsStr) -> Result<Option<Nameless>, (PathBuf, io::Error)> {
        if !self.folder_is_known() {
            return Ok(None);
        }
        let (pid, started) = (std::process::id(), SystemTime::now());
        let path = self.path(&Subject { name, pid, started, is_program: true });
        whole_file::check(&path).map_err(|why| (path, why))
    }

    /// Is the folder of the profiles known before the process is, as it has neither ids nor times?
    fn folder_is_known(&self) -> bool {
        let folder = Path::new(&self.0).parent().map(|folder| Pattern(folder.into()));
        folder.is_none_or(|folder| !folder.has(b'p') && !folder.has(b't'))
    }

    /// This pattern for a process that writes for another one, whose own descriptors `/dev/stdout`,
    /// `/dev/fd/63` and the like mean.
    pub fn on_behalf_of(self, process: u32) -> Pattern {
        match own_descriptor(Path::new(&self.0)) {
            Some(number) => Pattern(format!("/proc/{process}/fd/{number}").into()),
            None => self,
        }
    }

    /// Does it have this placeholder?
    fn has(&self, placeholder: u8) -> bool {
        let mut bytes = self.0.as_bytes().iter();
        std::iter::from_fn(|| bytes.find(|&&byte| byte == b'%').and_then(|_| bytes.next()))
            .any(|&byte| byte == placeholder)
    }

    fn expand(&self, subject: &Subject) -> Vec<u8> {
        let mut result = Vec::new();
        let mut bytes = self.0.as_bytes().iter();
        while let Some(&byte) = bytes.next() {
            let placeholder = (byte == b'%').then(|| bytes.next()).flatten();
            match placeholder {
                Some(b'n') => result.extend(subject.name.as_bytes()),
                Some(b'p') => result.extend(subject.pid.to_string().as_bytes()),
                Some(b'h') => result.extend(rustix::system::uname().nodename().to_bytes()),
                Some(b't') => result.extend(utc(subject.started).as_bytes()),
                _ => result.push(byte),
            }
        }
        result
    }
}

/// The number of the descriptor of this process to which a path leads by symbolic links.
fn own_descriptor(path: &Path) -> Option<u32> {
    const MAX_LINKS: usize = 40; // the kernel's MAXSYMLINKS
    let own = fs::canonicalize("/proc/self/fd").ok()?;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = fs::canonicalize(path.parent()?).ok()?;
        if folder == own {
            return path.file_name()?.to_str()?.parse().ok();
        }
        path = folder.join(fs::read_link(&path).ok()?);
    }
    None
}

/// Puts `.part` before a path's extension, and cuts what is before that if the name would be too long.
pub fn insert(path: &Path, part: &str) -> PathBuf {
    let length = insert_whole(path, part.as_bytes()).file_name().map_or(0, OsStr::len);
    let stem = path.file_stem().unwrap_or_default().as_bytes();
    let room = stem.len().saturating_sub(length.saturating_sub(MAX_NAME));
    let mut name = OsStr::from_bytes(cut(stem, room)).to_owned();
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    insert_whole(&path.with_file_name(name), part.as_bytes())
}

fn insert_whole(path: &Path, part: &[u8]) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    for part in [Some(OsStr::from_bytes(part)), path.extension()].into_iter().flatten() {
        name.push(".");
        name.push(part);
    }
    path.with_file_name(name)
}

/// The first `length` bytes, or fewer: no character of UTF-8 is cut in two.
fn cut(name: &[u8], length: usize) -> &[u8] {
    let is_within_character = |at: usize| name.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let end = (0..=length.min(name.len())).rfind(|&at| !is_within_character(at));
    &name[..end.unwrap_or(0)]
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

    fn path_of(name: &str, pattern: &str, is_program: bool) -> String {
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_210_096); // date -u -d @1709210096
        let subject = Subject { name: name.as_ref(), pid: 4242, started, is_program };
        Pattern::parse(pattern.as_ref()).unwrap().path(&subject).display().to_string()
    }

    fn path(pattern: &str, is_program: bool) -> String {
        path_of("cc1plus", pattern, is_program)
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
        assert_eq!(Pattern::parse("a.%q".as_ref()), Err(BadPattern("%q".into())));
        assert_eq!(Pattern::parse("a.%".as_ref()), Err(BadPattern("%".into())));
    }

    #[test]
    fn a_name_of_any_bytes_stays_as_it_is() {
        let name = OsStr::from_bytes(b"a\xFF%p\xFE");
        let subject = Subject { name, pid: 7, started: SystemTime::UNIX_EPOCH, is_program: false };
        let path = Pattern::parse(OsStr::from_bytes(b"o\xC0.%n")).unwrap().path(&subject);
        assert_eq!(path.as_os_str().as_bytes(), b"o\xC0.a\xFF%p\xFE.7.a\xFF%p\xFE");
    }

    #[test]
    fn a_name_that_is_too_long_for_a_file_is_cut_between_characters() {
        let long = "\u{fc}".repeat(125); // 250 bytes
        for (pattern, is_program) in [(DEFAULT_PATTERN, true), ("out.prof", false), ("%n.%n", true)] {
            let path = path_of(&long, pattern, is_program);
            assert!((250..=MAX_NAME).contains(&path.len()), "{path}");
            assert!(!path.contains('\u{fffd}'), "{path}");
        }
        assert_eq!(path_of(&long, "out.prof", true), "out.prof");
        assert_eq!(path_of(&long, "%n", true), long);
        let again = insert(Path::new(&path_of(&long, DEFAULT_PATTERN, true)), "2");
        assert!(again.as_os_str().len() <= MAX_NAME && again.display().to_string().ends_with(".2.prof"));
        let given = "x".repeat(MAX_NAME + 1);
        assert_eq!(path_of("prog", &given, true), given, "what the user wrote is not ours to cut");
    }

    #[test]
    fn a_descriptor_is_that_of_whom_it_is_written_for() {
        let other = |pattern: &str| Pattern::parse(pattern.as_ref()).unwrap().on_behalf_of(7).0;
        for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/../../fd/1"] {
            assert_eq!(other(path), "/proc/7/fd/1", "{path}");
        }
        for path in ["/dev/null", "out.prof", "/", "/missing/x", "/proc/self/exe"] {
            assert_eq!(other(path), path);
        }
    }

    #[test]
    fn whether_the_folder_is_known_before_the_process_is() {
        let is_known = |pattern: &str| Pattern::parse(pattern.as_ref()).unwrap().folder_is_known();
        assert!(is_known("x.%p") && is_known("/tmp/%n/x.%t") && is_known("/tmp/%%p/x") && is_known("/"));
        assert!(!is_known("/tmp/%p/x") && !is_known("%n/%t/x"));
    }
}
