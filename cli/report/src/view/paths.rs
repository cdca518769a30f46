//! Names of source files as they are shown: `trimPath` in pprof's `internal/report/source.go`.

use std::borrow::Cow;

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
}

/// `file` without the prefixes in `trim`; without any, cut after the name of one of the folders in
/// `source`.
pub fn trim<'a>(file: &'a str, trim: &str, source: &str) -> &'a str {
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
