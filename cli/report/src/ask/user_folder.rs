//! Where a user's own files are.

use std::path::PathBuf;

/// The folder of heaptrace's files of one kind: below what `variable` says, as XDG has it, or below
/// `default` at the user's home.
pub fn user_folder(variable: &str, default: &str) -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let base = folder(variable).or_else(|| Some(folder("HOME")?.join(default)))?;
    Some(base.join("heaptrace"))
}
