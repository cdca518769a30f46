//! Names of source files: what to show of them, and where to find them.
//!
//! The rules are those of pprof's `internal/report/source.go`, `trimPath` and `openSourceFile`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use heaptrace_pprof::printable;

/// Where sources are, and what to cut off the names of source files in a profile.
#[derive(Clone, Debug, Default)]
pub struct SourcePaths {
    /// Folders to search for sources, as in `PATH`; empty: the working directory.
    pub source: String,
    /// Prefixes to cut off, as in `PATH`. Without any, a name is cut after the name of a source
    /// folder that is in it.
    pub trim: String,
}

impl SourcePaths {
    /// The name of a source file as a report shows it.
    pub fn shown<'a>(&self, file: &'a str) -> Cow<'a, str> {
        match self.trimmed(file) {
            "" => Cow::Borrowed(""),
            file => clean(file),
        }
    }

    /// `file` without what is to be cut off.
    fn trimmed<'a>(&self, file: &'a str) -> &'a str {
        trim(file, &self.trim, &self.source)
    }

    /// The path of the source file `file`, if there is one. A relative name is searched for in the
    /// source folders and all that they are in.
    pub fn find(&self, file: &str) -> Option<PathBuf> {
        let current = std::env::current_dir().ok();
        let current = current.as_deref().and_then(Path::to_str).unwrap_or("/");
        let source = if self.source.is_empty() { current } else { &self.source };
        let file = Path::new(trim(file, &self.trim, source));
        if file.is_absolute() {
            return existing(file);
        }
        let folders = source.split(':').flat_map(|folder| Path::new(folder).ancestors());
        folders.map(|folder| folder.join(file)).find_map(|candidate| existing(&candidate))
    }
}

/// The file that is shown as `path`. A profile's names are text, so a name may have replacement
/// characters where the file's has other bytes; then it is the only one in its folder that looks so.
fn existing(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    if !path.to_str()?.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let mut found = PathBuf::new();
    for part in path {
        let shown = part.to_str()?;
        if shown.contains(char::REPLACEMENT_CHARACTER) {
            let folder = if found.as_os_str().is_empty() { Path::new(".") } else { &found };
            let entries = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
            let mut alike = entries.filter(|name| printable(&name.to_string_lossy()) == shown);
            found.push(alike.next().filter(|_| alike.next().is_none())?);
        } else {
            found.push(part);
        }
    }
    found.is_file().then_some(found)
}

/// `file` without the prefixes in `trim`; without any, cut after the name of one of the folders in
/// `source`.
fn trim<'a>(file: &'a str, trim: &str, source: &str) -> &'a str {
    if trim.is_empty() {
        for folder in source.split(':').filter(|folder| !folder.is_empty()) {
            let within = format!("/{}/", base(folder));
            if let Some(at) = file.find(&within) {
                return &file[at + within.len()..];
            }
        }
    }
    let given = trim.split(':').filter(|prefix| !prefix.is_empty());
    for prefix in given.chain(["/proc/self/cwd/.", "/proc/self/cwd"]) {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let rest = file.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        if let Some(rest) = rest {
            return rest;
        }
    }
    file
}

/// The last part of a path.
pub fn base(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// The shortest name of the same path: Go's `filepath.Clean`.
fn clean(path: &str) -> Cow<'_, str> {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(&last)) if last != ".." => {
                parts.pop();
            }
            ("..", None) if rooted => {}
            _ => parts.push(part),
        }
    }
    let cleaned = format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"));
    match cleaned {
        cleaned if cleaned == path => Cow::Borrowed(path),
        cleaned if cleaned.is_empty() => Cow::Borrowed("."),
        cleaned => Cow::Owned(cleaned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in [
            ("a/b.c", "a/b.c"),
            ("/a//b/../c.c", "/a/c.c"),
            ("./x.c", "x.c"),
            ("../x.c", "../x.c"),
            ("/../x.c", "/x.c"),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }

    #[test]
    fn the_given_prefix_is_cut_off_or_the_name_of_a_source_folder() {
        assert_eq!(trim("/build/x/a.c", "/build:/other", "/src"), "x/a.c");
        assert_eq!(trim("/buildx/a.c", "/build", ""), "/buildx/a.c");
        assert_eq!(trim("/there/project/a.c", "", "/here/project"), "a.c");
        assert_eq!(trim("/proc/self/cwd/./a.c", "", ""), "a.c");
    }
}
