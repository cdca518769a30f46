//! The test programs, and what is tested with them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use super::HEAPTRACE;

/// The path of the library, as `heaptrace lib --path` tells it.
pub fn library() -> PathBuf {
    let output = Command::new(HEAPTRACE).args(["lib", "--path"]).output().unwrap();
    assert!(output.status.success());
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}

/// The path of the library that counts.
pub fn stat_library() -> PathBuf {
    PathBuf::from(print_of(HEAPTRACE, &["lib", "--path", "--stat"].map(OsStr::new)).trim_end())
}

/// What a tool prints.
#[track_caller]
pub fn print_of(program: &str, arguments: &[&OsStr]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The program built from `tests/programs/SOURCE`. Its first line may say how: `flags: …`, where HERE is the
/// folder that it is in.
pub fn program(source: &str) -> PathBuf {
    type Built = HashMap<String, Arc<OnceLock<PathBuf>>>;
    static BUILT: LazyLock<Mutex<Built>> = LazyLock::new(Default::default);
    let cell = BUILT.lock().unwrap().entry(source.to_owned()).or_default().clone();
    cell.get_or_init(|| build(source)).clone()
}

fn build(source: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    });
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(source);
    let to = FOLDER.join(source.rsplit_once('.').unwrap().0);
    let text = fs::read_to_string(&from).unwrap_or_else(|why| panic!("{source}: {why}"));
    let first = text.lines().next().unwrap();
    let flags = first.split_once("flags:").map_or("", |(_, flags)| flags.trim_end_matches("*/").trim());
    let flags = flags.replace("HERE", from.parent().unwrap().to_str().unwrap());
    let compiler: &[&str] = match from.extension().unwrap().to_str().unwrap() {
        "c" => &["gcc", "-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls"],
        "cpp" => &["g++", "-g", "-O1", "-fno-optimize-sibling-calls"],
        "rs" => &["rustc", "-g", "--edition=2024"],
        other => panic!("no compiler for .{other}"),
    };
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).arg(&from).arg("-o").arg(&to).args(flags.split_whitespace());
    let output = command.current_dir(&*FOLDER).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    to
}
