//! What was typed at the prompt, kept from one session to the next.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use rustyline::Editor;
use rustyline::Helper;
use rustyline::history::DefaultHistory;

use crate::ask::user_folder::user_folder;

/// The file: `$XDG_STATE_HOME/heaptrace/history`, or where that is by default.
fn path() -> Option<PathBuf> {
    Some(user_folder("XDG_STATE_HOME", ".local/state")?.join("history"))
}

/// Takes up what earlier sessions left. A prompt without a past is no error.
pub fn load<H: Helper>(editor: &mut Editor<H, DefaultHistory>) {
    if let Some(path) = path() {
        let _ = editor.load_history(&path);
    }
}

/// Adds what was typed in this session. Names of functions and files are nobody else's business, so
/// only the user can read it; that it cannot be written is no error.
pub fn save<H: Helper>(editor: &mut Editor<H, DefaultHistory>) {
    let Some(path) = path() else {
        return;
    };
    if let Some(folder) = path.parent() {
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let _ = editor.append_history(&path);
}
