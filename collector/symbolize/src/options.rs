//! What to look up, and where.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How much is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing: frames have no names.
    None,
    /// Symbol tables: names of functions.
    Symbols,
    /// Debug information too: inlined calls, files and lines.
    #[default]
    Full,
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Mode, String> {
        match text {
            "none" => Ok(Mode::None),
            "symbols" => Ok(Mode::Symbols),
            "full" => Ok(Mode::Full),
            _ => Err("use none, symbols or full".to_owned()),
        }
    }
}

/// What to look up, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much is looked up.
    pub mode: Mode,
    /// Folders to search for programs and separate debug files before the system's.
    pub debug_folders: Vec<PathBuf>,
    /// Folders that pprof searches for programs, after those.
    pub binary_folders: Vec<PathBuf>,
    /// The folder where debuginfod's clients keep what they downloaded.
    pub debuginfod_cache: Option<PathBuf>,
    /// Debuginfod servers to ask for what is in no folder. They need the cache.
    pub debuginfod_urls: Vec<String>,
    /// The folder in which what was found is kept for the next time, if it is.
    pub kept: Option<PathBuf>,
    /// How long all answers of servers together may take.
    pub debuginfod_time_limit: Duration,
    /// How long debug information is read for one profile. What was not found by then has the names
    /// in symbol tables.
    pub time_limit: Duration,
}

impl Options {
    /// The user's folder for what is kept.
    pub fn kept_folder() -> Option<PathBuf> {
        folder("XDG_CACHE_HOME", "heaptrace/kept").or_else(|| folder("HOME", ".cache/heaptrace/kept"))
    }
}

/// A folder below the one that a variable names.
fn folder(variable: &str, below: &str) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty())?;
    Some(PathBuf::from(value).join(below))
}

impl Default for Options {
    /// All there is, with the folders that the environment names for pprof, and the debuginfod cache
    /// and servers: see debuginfod_find_debuginfo(3). Nothing is kept.
    fn default() -> Options {
        let cache = folder("DEBUGINFOD_CACHE_PATH", "")
            .or_else(|| folder("XDG_CACHE_HOME", "debuginfod_client"))
            .or_else(|| folder("HOME", ".cache/debuginfod_client"));
        // Its own default is that of `go tool pprof -help`.
        let binary_folders = match env::var_os("PPROF_BINARY_PATH").filter(|value| !value.is_empty()) {
            Some(folders) => env::split_paths(&folders).collect(),
            None => folder("HOME", "pprof/binaries").into_iter().collect(),
        };
        let urls = env::var("DEBUGINFOD_URLS").unwrap_or_default();
        let urls = urls.split_whitespace().filter(|url| url.starts_with("http"));
        Options {
            mode: Mode::Full,
            debug_folders: Vec::new(),
            binary_folders,
            debuginfod_cache: cache,
            debuginfod_urls: urls.map(str::to_owned).collect(),
            kept: None,
            debuginfod_time_limit: Duration::from_secs(30),
            time_limit: Duration::from_secs(60),
        }
    }
}
