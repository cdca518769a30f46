//! Files that people write, which are small.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::messages::budgets as words;

/// Largest size, in bytes.
const LIMIT: u64 = 4 << 20;

/// Reads one.
///
/// # Errors
/// If it cannot be read, or is too large.
pub fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| words::cannot_read(path))?;
    file.take(LIMIT + 1).read_to_string(&mut text).with_context(|| words::cannot_read(path))?;
    ensure!(text.len() as u64 <= LIMIT, words::too_large(path));
    Ok(text)
}
