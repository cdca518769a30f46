//! What is compared: the names of addresses as the tools have them, and ours in the words of the tools.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use heaptrace_symbolize::{Frame, Options, ResolvedFrame, Symbolizer};

use crate::workshop::{Workshop, module};

/// What is added to addresses in the file, as if the program had been loaded there.
pub const BIAS: u64 = 0x5555_0000_0000;

/// How many addresses of a program are compared.
pub const ADDRESS_LIMIT: usize = 5_000;

/// A function, file and line; "??" and 0 where they are unknown, as addr2line has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub name: String,
    pub file: String,
    pub line: u64,
}

/// Frames of each address, innermost first.
pub type Frames = BTreeMap<u64, Vec<Level>>;

impl Workshop {
    /// Checks that the addresses of `file` are named as those of `reference`, a file with the same
    /// code whose debug information both tools can read.
    #[track_caller]
    pub fn check(&self, file: &str, reference: &str, options: &Options) {
        let reference = self.path(reference);
        let addresses = instructions(&reference);
        assert!(addresses.len() > 50, "{} instructions are too few", addresses.len());
        let ours = ours(&self.path(file), &addresses, options);
        let binutils = binutils(&reference, &addresses);
        let llvm = llvm(&reference, &addresses);
        let wrong = |address: &&u64| {
            let frames = ours.get(address);
            frames != binutils.get(address) && frames != llvm.get(address)
        };
        let wrong: Vec<_> = addresses.iter().filter(wrong).collect();
        if let Some(address) = wrong.first() {
            panic!(
                "{} of {} addresses differ; at {address:#x}\nours:     {:?}\nbinutils: {:?}\nllvm:     {:?}",
                wrong.len(),
                addresses.len(),
                ours.get(address),
                binutils.get(address),
                llvm.get(address),
            );
        }
        let inlined = ours.values().filter(|levels| levels.len() > 1).count();
        let lines = ours.values().filter(|levels| levels[0].line > 0).count();
        println!("{file}: {} addresses, {inlined} inlined, {lines} with lines", addresses.len());
    }
}

/// Addresses of the instructions in `.text`, leaving out those that only fill gaps.
pub fn instructions(file: &Path) -> Vec<u64> {
    let output = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn", "--section=.text"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let instruction = |line: &str| {
        let (address, text) = line.trim_start().split_once(":\t")?;
        let filler = ["nop", "xchg   %ax,%ax", "int3"].iter().any(|filler| text.contains(filler));
        if filler { None } else { u64::from_str_radix(address, 16).ok() }
    };
    let addresses: Vec<u64> = text.lines().filter_map(instruction).collect();
    // A Rust program has the standard library in it, which would take the tools half a minute.
    let step = addresses.len() / ADDRESS_LIMIT + 1;
    addresses.into_iter().step_by(step).collect()
}

/// What the collector says of a file that was mapped.
pub fn resolve(file: &Path, addresses: &[u64], options: &Options) -> BTreeMap<u64, Vec<ResolvedFrame>> {
    let frame = |address: &u64| Frame { address: address + BIAS, module: Some(0) };
    let frames: Vec<Frame> = addresses.iter().map(frame).collect();
    let symbols = Symbolizer::new(options).symbolize(&[module(file, BIAS)], &frames, 0);
    let resolved = frames.iter().map(|frame| symbols.lookup(*frame).to_vec());
    addresses.iter().copied().zip(resolved).collect()
}

/// The same in the words of the tools.
pub fn ours(file: &Path, addresses: &[u64], options: &Options) -> Frames {
    let level =
        |frame: &ResolvedFrame| Level::new(&frame.function.system_name, &frame.function.file, frame.line);
    let resolved = resolve(file, addresses, options).into_iter();
    resolved.map(|(address, frames)| (address, frames.iter().map(level).collect())).collect()
}

impl Level {
    fn new(name: &str, file: &str, line: u64) -> Level {
        // Clones (`f.cold`, `f.part.0`) have their function's name in debug information only.
        let name = name.split('.').next().unwrap();
        // One constructor or destructor may have two names for its two purposes.
        let name = name.replace("C1E", "C2E").replace("D1E", "D2E");
        // Both tools show the file that the symbol table names (STT_FILE) for code without debug
        // information, such as crtstuff.c. It has no folder and no line; we do not show it.
        let file = if line == 0 && !file.contains('/') { "" } else { file };
        let known = |text: &str| if text.is_empty() { "??".to_owned() } else { clean(text) };
        Level { name: known(&name), file: known(file), line }
    }
}

/// A path without `.` and `dir/..`, which the tools leave in or take out in different places.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty()) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// What addr2line says.
pub fn binutils(file: &Path, addresses: &[u64]) -> Frames {
    let mut command = Command::new("addr2line");
    command.args(["--inlines", "--functions", "--addresses", "--exe"]).arg(file);
    let text = answer(&mut command, addresses);
    let mut frames = Frames::new();
    let mut lines = text.lines();
    let mut address = 0;
    while let Some(line) = lines.next() {
        if let Some(hex) = line.strip_prefix("0x") {
            address = u64::from_str_radix(hex, 16).unwrap();
            continue;
        }
        // "file:line", perhaps followed by " (discriminator N)".
        let place = lines.next().unwrap().split(" (").next().unwrap();
        let (path, number) = place.rsplit_once(':').unwrap();
        let path = path.trim_start_matches('?');
        let level = Level::new(line.trim_start_matches('?'), path, number.parse().unwrap_or(0));
        frames.entry(address).or_default().push(level);
    }
    frames
}

/// What llvm-symbolizer says.
pub fn llvm(file: &Path, addresses: &[u64]) -> Frames {
    let mut command = Command::new("llvm-symbolizer");
    command.args(["--inlines", "--functions=linkage", "--no-demangle", "--obj"]).arg(file);
    let text = answer(&mut command, addresses);
    let mut frames = Frames::new();
    for (address, answer) in addresses.iter().zip(text.split("\n\n")) {
        let lines: Vec<&str> = answer.lines().collect();
        let levels = lines.chunks_exact(2).map(|pair| {
            // "file:line:column"
            let mut place = pair[1].rsplitn(3, ':').skip(1);
            let line = place.next().unwrap().parse().unwrap();
            let path = place.next().unwrap().trim_start_matches('?');
            Level::new(pair[0].trim_start_matches('?'), path, line)
        });
        frames.insert(*address, levels.collect());
    }
    frames
}

/// The lines of the functions' declarations that llvm-symbolizer shows, innermost first, where they
/// are not in another file than the line.
pub fn llvm_start_lines(file: &Path, addresses: &[u64]) -> BTreeMap<u64, Vec<u64>> {
    let mut command = Command::new("llvm-symbolizer");
    let text = answer(command.args(["--inlines", "--verbose", "--obj"]).arg(file), addresses);
    let lines = |answer: &str| {
        let (mut file, mut start_file) = ("", "");
        let mut starts = Vec::new();
        // A line of its own, "Function start line", is only there if it is known.
        for (name, value) in answer.lines().filter_map(|line| line.trim_start().split_once(": ")) {
            match name {
                "Filename" => file = value,
                "Function start filename" => start_file = value,
                "Function start line" if start_file.is_empty() || start_file == file => {
                    starts.push(value.parse().unwrap())
                }
                _ => {}
            }
        }
        starts
    };
    addresses.iter().copied().zip(text.split("\n\n").map(lines)).collect()
}

/// Runs a tool that answers addresses on its standard input.
pub fn answer(command: &mut Command, addresses: &[u64]) -> String {
    let mut tool = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = tool.stdin.take().unwrap();
    let questions: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = tool.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Options that look nowhere but beside the file.
pub fn options() -> Options {
    Options { debuginfod_cache: None, debuginfod_urls: Vec::new(), ..Options::default() }
}
