//! Looks up the addresses on standard input, in hexadecimal as the file has them, in the file that
//! is the argument. Prints a line for each frame, and an empty one after each address.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use heaptrace_symbolize::{Frame, Module, Options, Symbolizer};

fn main() -> io::Result<()> {
    let path = PathBuf::from(env::args_os().nth(1).ok_or_else(|| io::Error::other("which file?"))?);
    let file = Some(Arc::new(File::open(&path)?));
    let module = Module { start: 0, end: u64::MAX, bias: 0, path, build_id: Vec::new(), file };
    let mut frames = Vec::new();
    for line in io::stdin().lock().lines() {
        let address = u64::from_str_radix(line?.trim_start_matches("0x"), 16).map_err(io::Error::other)?;
        frames.push(Frame { address, module: Some(0) });
    }
    let symbols = Symbolizer::new(&Options::default()).symbolize(&[module], &frames, 0);
    let mut out = BufWriter::new(io::stdout().lock());
    for frame in frames {
        for resolved in symbols.lookup(frame) {
            writeln!(out, "{} {}:{}", resolved.function.name, resolved.function.file, resolved.line)?;
        }
        writeln!(out)?;
    }
    out.flush()
}
