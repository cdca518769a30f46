//! Showing things in a browser.

use std::ffi::OsStr;
use std::fs::canonicalize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::render::new_file::new_file;

/// Tried in this order, after `$BROWSER`.
const BROWSERS: [&str; 6] =
    ["xdg-open", "sensible-browser", "firefox", "chromium", "google-chrome", "x-www-browser"];
/// What is written otherwise in the path of an address.
const NOT_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Opens a file or a URL in a browser; false if there is none.
pub fn open(what: impl AsRef<OsStr>) -> bool {
    let browser = std::env::var("BROWSER").ok();
    browser.iter().map(String::as_str).chain(BROWSERS).any(|browser| {
        Command::new(browser).arg(&what).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    })
}

/// Writes `content` to a new file, and shows that; at `place`, what follows `#` in its address.
pub fn show(content: &[u8], extension: &str, place: Option<&str>) -> anyhow::Result<()> {
    let (path, mut file) = new_file(&std::env::temp_dir().join("heaptrace"), extension)?;
    file.write_all(content).with_context(|| format!("cannot write {}", path.display()))?;
    let is_shown = match place {
        Some(place) => open(address(&path, place)),
        None => open(&path),
    };
    ensure!(is_shown, "there is no browser to show {}", path.display());
    Ok(())
}

/// The address of a place in a page that is in a file.
pub fn address(path: &Path, place: &str) -> String {
    let path: PathBuf = canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), NOT_IN_PATHS);
    format!("file://{path}#{place}")
}
