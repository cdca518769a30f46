//! The source files that listings show: `openSourceFile` in pprof's `internal/report/source.go`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use heaptrace_pprof::printable;

use crate::view::paths::{SourcePaths, trim};

/// Most bytes read of a source file.
const SOURCE_LIMIT: u64 = 1 << 26;

/// The text of the source file that a profile calls `file`, if there is one.
pub fn read(paths: &SourcePaths, file: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(find(paths, file)?).ok()?.take(SOURCE_LIMIT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The path of `file`. A relative name is searched for in the source folders and all that they are in.
fn find(paths: &SourcePaths, file: &str) -> Option<PathBuf> {
    let current = std::env::current_dir().ok();
    let current = current.as_deref().and_then(Path::to_str).unwrap_or("/");
    let source = if paths.source.is_empty() { current } else { &paths.source };
    let file = Path::new(trim(file, &paths.trim, source));
    if file.is_absolute() {
        return existing(file);
    }
    let folders = source.split(':').flat_map(|folder| Path::new(folder).ancestors());
    folders.map(|folder| folder.join(file)).find_map(|candidate| existing(&candidate))
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
