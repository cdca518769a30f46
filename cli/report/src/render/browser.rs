//! Showing things in a browser.

use std::path::Path;
use std::process::{Command, Stdio};

/// Tried in this order, after `$BROWSER`.
const BROWSERS: [&str; 6] =
    ["xdg-open", "sensible-browser", "firefox", "chromium", "google-chrome", "x-www-browser"];

/// Opens a file or a URL in a browser; false if there is none.
pub fn open(what: &Path) -> bool {
    let browser = std::env::var("BROWSER").ok();
    browser.iter().map(String::as_str).chain(BROWSERS).any(|browser| {
        Command::new(browser).arg(what).stdout(Stdio::null()).stderr(Stdio::null()).spawn().is_ok()
    })
}
