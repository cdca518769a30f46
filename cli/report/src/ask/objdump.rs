//! The machine code of mapped files, as `objdump` of binutils writes it.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use heaptrace_symbolize::{Located, Module, Options, Symbolizer};

use crate::profile::tables::Profile;
use crate::view::disassembly::{Code, Disassembler, SourceLocation};

/// Most bytes of a function that are disassembled.
const FUNCTION_LIMIT: u64 = 1 << 20;

/// Finds the files, at their paths and where else `heaptrace symbolize` looks, and runs `objdump`.
#[derive(Debug)]
pub struct Objdump {
    files: Symbolizer,
    intel_syntax: bool,
}

impl Objdump {
    /// With instructions as Intel writes them, or as AT&T does.
    pub fn new(intel_syntax: bool) -> Objdump {
        Objdump { files: Symbolizer::new(&Options::default()), intel_syntax }
    }

    fn module(&self, profile: &Profile, mapping: usize) -> Module {
        let mapping = &profile.mappings[mapping];
        let path = PathBuf::from(profile.text(mapping.file));
        let build_id = bytes(profile.text(mapping.build_id)).unwrap_or_default();
        // Without a build id, what has its name is taken for it.
        let by_name = || self.files.by_name(&path).map(|(_, file)| Arc::new(file));
        let file = if build_id.is_empty() { by_name() } else { None };
        Module { start: mapping.start, end: mapping.limit, bias: 0, build_id, file, path }
    }

    fn path(&self, module: &Module) -> anyhow::Result<PathBuf> {
        if module.file.is_some() {
            let (path, _) = self.files.by_name(&module.path).context("it was just found")?;
            return Ok(path);
        }
        match self.files.locate(module) {
            Located::At(path) => Ok(path),
            Located::OtherBuild { path, .. } => {
                bail!("{} is another build than the one that was profiled", path.display())
            }
            Located::Nowhere => bail!(
                "{} is not there; PPROF_BINARY_PATH says where else to look for it",
                module.path.display()
            ),
        }
    }
}

impl Disassembler for Objdump {
    fn bias(&self, profile: &Profile, mapping: usize) -> anyhow::Result<u64> {
        let module = self.module(profile, mapping);
        self.path(&module)?;
        let mapping = &profile.mappings[mapping];
        let bias = self.files.bias(&module, mapping.start, mapping.offset);
        bias.with_context(|| format!("{} has nothing where it was mapped", module.path.display()))
    }

    fn functions(&self, profile: &Profile, mapping: usize, addresses: &[u64]) -> Vec<Option<Range<u64>>> {
        self.files.functions(&self.module(profile, mapping), addresses)
    }

    fn instructions(
        &self,
        profile: &Profile,
        mapping: usize,
        function: &Range<u64>,
    ) -> anyhow::Result<Vec<Code>> {
        let end = function.end.min(function.start.saturating_add(FUNCTION_LIMIT));
        let path = self.path(&self.module(profile, mapping))?;
        let mut command = Command::new("objdump");
        command.args(["--disassemble", "--demangle", "--no-show-raw-insn", "--line-numbers"]);
        command.arg(format!("--start-address={:#x}", function.start));
        command.arg(format!("--stop-address={end:#x}"));
        if self.intel_syntax {
            command.args(["-M", "intel"]);
        }
        let output = match command.arg("--").arg(&path).stdin(Stdio::null()).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("there is no objdump to disassemble with; install binutils")
            }
            output => output.context("cannot run objdump")?,
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default();
        ensure!(output.status.success(), "objdump failed on {}: {said}", path.display());
        Ok(parse(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// The bytes that are written in hexadecimal.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// The instructions in what `objdump` writes: lines `401136:<tab>push %rbp`, and before some of them the
/// function, `main():`, and the place, `/src/a.c:12 (discriminator 1)`.
fn parse(text: &str) -> Vec<Code> {
    let mut codes = Vec::new();
    let mut place = SourceLocation::default();
    for line in text.lines() {
        let line = line.trim();
        let instruction = line.split_once(":\t").and_then(|(address, text)| {
            Some((u64::from_str_radix(address, 16).ok()?, text.trim().to_owned()))
        });
        if let Some((address, text)) = instruction {
            codes.push(Code { address, text, place: place.clone() });
        } else if let Some(function) = line.strip_suffix("():") {
            place.function = function.to_owned();
        } else if let Some((file, line)) = source(line) {
            place.file = file.rsplit('/').next().unwrap_or_default().to_owned();
            place.line = line;
        } else {
            place = SourceLocation::default();
        }
    }
    codes
}

/// A line that names a place in the source.
fn source(line: &str) -> Option<(&str, i64)> {
    let line = line.split(" (discriminator").next().unwrap_or_default();
    let (file, number) = line.rsplit_once(':')?;
    Some((file, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_read_with_their_places() {
        let text = "\n./t:     file format elf64-x86-64\n\n\nDisassembly of section .text:\n\n\
            0000000000001160 <main>:\nmain():\n/src/t.c:5\n    1160:\tpush   %rbp\n\
            /src/t.c:6 (discriminator 3)\n    1174:\tcall   1149 <ns::grab(int)>\n";
        let codes = parse(text);
        let place = |line| SourceLocation { function: "main".to_owned(), file: "t.c".to_owned(), line };
        let code = |address, text: &str, line| Code { address, text: text.to_owned(), place: place(line) };
        let expected = [code(0x1160, "push   %rbp", 5), code(0x1174, "call   1149 <ns::grab(int)>", 6)];
        assert_eq!(codes, expected);
    }

    #[test]
    fn build_ids_are_bytes() {
        assert_eq!(bytes("00ff10"), Some(vec![0, 255, 16]));
        assert_eq!(bytes(""), Some(Vec::new()));
        assert_eq!(bytes("go"), None);
        assert_eq!(bytes("äö"), None);
    }
}
