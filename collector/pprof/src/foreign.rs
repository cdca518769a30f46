//! What a file is that is no profile of `profile.proto`, by how it begins.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// A kind of file that people have beside profiles.
#[derive(Debug)]
pub struct Foreign {
    /// How it begins.
    start: &'static [u8],
    /// What it is.
    pub what: &'static str,
    /// What to do with it.
    pub advice: &'static str,
}

const fn kind(start: &'static [u8], what: &'static str, advice: &'static str) -> Foreign {
    Foreign { start, what, advice }
}

/// Of two that begin alike the longer is first.
static KINDS: [Foreign; 25] = [
    kind(
        b"\x7fELF",
        "a program, a library or a core file",
        "record a profile of a program with heaptrace run -- PROGRAM",
    ),
    kind(b"heap_v2/", "a heap profile of jemalloc", "jeprof PROGRAM FILE reads it"),
    kind(b"heap profile:", "a heap profile of gperftools, or of Go as text", LEGACY),
    kind(b"heapz profile:", "a heap profile as text", LEGACY),
    kind(b"\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", "a CPU profile of gperftools", LEGACY),
    kind(b"--- contention", "a profile of contention as text", LEGACY),
    kind(b"--- mutex", "a profile of contention as text", LEGACY),
    kind(b"goroutine profile:", "a profile of Go as text", "fetch it again without debug=1"),
    kind(b"threadcreate profile:", "a profile of Go as text", "fetch it again without debug=1"),
    kind(b"go 1.", "an execution trace of Go", "go tool trace FILE shows it"),
    kind(b"v 1", "a recording of heaptrack", "heaptrack_print FILE reads it"),
    kind(b"PERFILE2", "a recording of perf", "perf report reads it"),
    kind(b"desc: ", "a recording of valgrind's massif", "ms_print FILE reads it"),
    kind(b"{\"dhatFileVersion\"", "a recording of DHAT", "valgrind's dh_view.html reads it"),
    kind(b"# callgrind format", "a call graph for KCachegrind", "kcachegrind FILE shows it"),
    kind(b"events: ", "a call graph for KCachegrind", "kcachegrind FILE shows it"),
    kind(b"positions: ", "a call graph for KCachegrind", "kcachegrind FILE shows it"),
    kind(
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd",
        "unpack it with zstd -d FILE; what heaptrack wrote is read by heaptrack_print FILE",
    ),
    kind(b"\xfd7zXZ\0", "compressed with xz", "unpack it with xz -d FILE"),
    kind(b"BZh", "compressed with bzip2", "unpack it with bzip2 -d FILE"),
    kind(b"PK\x03\x04", "a zip archive", "unpack it with unzip FILE"),
    kind(b"<", "a page of the web or other XML", "look whether the address is that of a profile"),
    kind(b"{", "JSON", "heaptrace reads profile.proto only, as pprof writes it"),
    kind(b"[", "JSON", "heaptrace reads profile.proto only, as pprof writes it"),
    kind(b"#!", "a script", "record a profile of what it runs with heaptrace run -- SCRIPT"),
];

/// What begins like none of them, but with characters.
static TEXT: Foreign = kind(b"", "text", "heaptrace reads profile.proto only, as pprof writes it");

/// For what pprof reads beside `profile.proto`.
const LEGACY: &str = "go tool pprof -proto -output NEW PROGRAM FILE makes it one";

impl Foreign {
    /// What a file with these `bytes` is, gzipped or not, if it is known.
    pub fn of(bytes: &[u8]) -> Option<&'static Foreign> {
        const ENOUGH: usize = 64;
        let mut unpacked = Vec::new();
        // What cannot be unpacked is at least known to be no gzip.
        let _ = MultiGzDecoder::new(bytes).take(ENOUGH as u64).read_to_end(&mut unpacked);
        let start = if unpacked.is_empty() { bytes } else { &unpacked };
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        let text = start.iter().take(ENOUGH).all(is_text).then_some(&TEXT);
        KINDS.iter().find(|kind| start.starts_with(kind.start)).or(text)
    }
}
