//! Any bytes as an ELF file that a program mapped: each address gets a frame, whatever is in it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use heaptrace_symbolize::{Frame, Module, Options, Symbolizer};

/// The bytes are the file.
pub fn run(bytes: &[u8]) {
    let path = PathBuf::from(format!("/dev/shm/heaptrace-fuzz-{}", std::process::id()));
    File::create(&path).and_then(|mut file| file.write_all(bytes)).unwrap();
    let file = File::open(&path).ok().map(Arc::new);
    let module = Module { start: 0, end: u64::MAX, bias: 0, path: path.clone(), build_id: Vec::new(), file };
    // Where programs have code: small ones begin at 0x1000, and at 0x401000 if they cannot move.
    let addresses = (0x1000..0x1400).chain(0x401000..0x401400).step_by(16);
    let frames: Vec<Frame> = addresses.map(|address| Frame { address, module: Some(0) }).collect();
    let options = Options { debuginfod_cache: None, debuginfod_urls: Vec::new(), ..Options::default() };
    let symbols = Symbolizer::new(&options).symbolize(&[module], &frames, 0);
    assert!(frames.iter().all(|&frame| !symbols.lookup(frame).is_empty()));
    std::fs::remove_file(path).unwrap();
}
