//! Compares what addresses are named with what binutils' addr2line and llvm-symbolizer say, for
//! each instruction of small programs built in all the ways that debug information is made.
//!
//! A frame has to equal that of one of the two, level by level: name, file and line. Where they
//! disagree with each other, as they do in places, no third answer is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heaptrace_symbolize::{Complaint, Frame, Mode, Options, ResolvedFrame, Symbolizer};
use workshop::{Workshop, module};

#[path = "fuzz/bodies/symbolize.rs"]
mod fuzzed;
mod workshop;

/// What is added to addresses in the file, as if the program had been loaded there.
const BIAS: u64 = 0x5555_0000_0000;

/// How many addresses of a program are compared.
const ADDRESS_LIMIT: usize = 5_000;

/// A function, file and line; "??" and 0 where they are unknown, as addr2line has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    name: String,
    file: String,
    line: u64,
}

/// Frames of each address, innermost first.
type Frames = BTreeMap<u64, Vec<Level>>;

impl Workshop {
    /// Checks that the addresses of `file` are named as those of `reference`, a file with the same
    /// code whose debug information both tools can read.
    #[track_caller]
    fn check(&self, file: &str, reference: &str, options: &Options) {
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
fn instructions(file: &Path) -> Vec<u64> {
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
fn resolve(file: &Path, addresses: &[u64], options: &Options) -> BTreeMap<u64, Vec<ResolvedFrame>> {
    let frame = |address: &u64| Frame { address: address + BIAS, module: Some(0) };
    let frames: Vec<Frame> = addresses.iter().map(frame).collect();
    let symbols = Symbolizer::new(options).symbolize(&[module(file, BIAS)], &frames, 0);
    let resolved = frames.iter().map(|frame| symbols.lookup(*frame).to_vec());
    addresses.iter().copied().zip(resolved).collect()
}

/// The same in the words of the tools.
fn ours(file: &Path, addresses: &[u64], options: &Options) -> Frames {
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
fn clean(path: &str) -> String {
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
fn binutils(file: &Path, addresses: &[u64]) -> Frames {
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
fn llvm(file: &Path, addresses: &[u64]) -> Frames {
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
fn llvm_start_lines(file: &Path, addresses: &[u64]) -> BTreeMap<u64, Vec<u64>> {
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
fn answer(command: &mut Command, addresses: &[u64]) -> String {
    let mut tool = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = tool.stdin.take().unwrap();
    let questions: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = tool.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Options that look nowhere but beside the file.
fn options() -> Options {
    Options { debuginfod_cache: None, debuginfod_urls: Vec::new(), ..Options::default() }
}

#[test]
fn c_from_gcc_in_each_version_of_dwarf() {
    let workshop = Workshop::new("gcc-c");
    for version in [2, 3, 4, 5] {
        let file = format!("dwarf{version}");
        workshop.run(&format!("gcc -O2 -gdwarf-{version} @inline.c -o {file}"));
        workshop.check(&file, &file, &options());
    }
}

#[test]
fn cpp_from_gcc() {
    let workshop = Workshop::new("gcc-cpp");
    workshop.run("g++ -O2 -g @inline.cpp -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn c_and_cpp_from_clang() {
    let workshop = Workshop::new("clang");
    for version in [2, 3, 4, 5] {
        let file = format!("dwarf{version}");
        workshop.run(&format!("clang -O2 -gdwarf-{version} @inline.c -o {file}"));
        workshop.check(&file, &file, &options());
    }
    workshop.run("clang++ -O2 -g @inline.cpp -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn functions_within_functions_and_types() {
    let workshop = Workshop::new("within");
    for (compiler, source) in [("gcc", "within.c"), ("g++", "within.cpp"), ("clang++", "within.cpp")] {
        for level in ["-O0", "-O2"] {
            let file = format!("{compiler}{level}");
            workshop.run(&format!("{compiler} {level} -g @{source} -o {file}"));
            workshop.check(&file, &file, &options());
        }
    }
}

#[test]
fn rust_with_legacy_and_v0_names() {
    let workshop = Workshop::new("rust");
    for mangling in ["legacy", "v0"] {
        workshop.run(&format!(
            "env RUSTC_BOOTSTRAP=1 rustc -O -g --edition 2024 -Z unstable-options \
             -C symbol-mangling-version={mangling} @inline.rs -o {mangling}"
        ));
        workshop.check(mangling, mangling, &options());
    }
}

#[test]
fn programs_at_fixed_addresses() {
    let workshop = Workshop::new("fixed");
    workshop.run("gcc -O2 -g -no-pie @inline.c -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn a_section_for_each_function_and_those_not_needed_dropped() {
    let workshop = Workshop::new("sections");
    workshop.run("g++ -O2 -g -ffunction-sections -Wl,--gc-sections @inline.cpp -o gnu");
    workshop.check("gnu", "gnu", &options());
    workshop.run("clang++ -O2 -g -ffunction-sections -fuse-ld=lld -Wl,--gc-sections @inline.cpp -o lld");
    workshop.check("lld", "lld", &options());
}

#[test]
fn functions_inlined_across_files_at_link_time() {
    let workshop = Workshop::new("lto");
    workshop.run("gcc -O2 -g -flto @inline.c @other.c -DOTHER -o gnu");
    workshop.check("gnu", "gnu", &options());
    workshop.run("clang -O2 -g -flto -fuse-ld=lld @inline.c @other.c -DOTHER -o lld");
    workshop.check("lld", "lld", &options());
}

/// gcc lists its units' addresses in a section that clang does not make.
#[test]
fn units_of_two_compilers_in_one_program() {
    let workshop = Workshop::new("two-compilers");
    workshop.run("gcc -O2 -g -c @other.c -DOTHER -o other.o");
    workshop.run("clang -O2 -g -c @inline.c -DOTHER -o inline.o");
    workshop.run("gcc inline.o other.o -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn compressed_sections() {
    let workshop = Workshop::new("compressed");
    workshop.run("g++ -O2 -g @inline.cpp -o plain");
    for kind in ["zlib-gnu", "zlib-gabi", "zstd"] {
        workshop.run(&format!("objcopy --compress-debug-sections={kind} plain {kind}"));
        workshop.check(kind, "plain", &options());
    }
}

#[test]
fn split_units_beside_the_program_and_in_a_package() {
    let workshop = Workshop::new("split");
    // Of the tools that make packages, that of binutils 2.40 ends without a word on gcc's DWARF 5,
    // and that of LLVM 14 never ends.
    let builds = [
        (4, "gcc", Some("dwp")),
        (5, "gcc", None),
        (4, "clang", Some("llvm-dwp")),
        (5, "clang", Some("llvm-dwp")),
    ];
    for (version, compiler, package) in builds {
        let file = format!("{compiler}{version}");
        let flags = format!("-O2 -gdwarf-{version} @inline.c");
        workshop.run(&format!("{compiler} {flags} -o {file}-whole"));
        workshop.run(&format!("{compiler} {flags} -gsplit-dwarf -c -o {file}.o"));
        workshop.run(&format!("{compiler} {file}.o -o {file}"));
        workshop.check(&file, &format!("{file}-whole"), &options());
        if let Some(dwp) = package {
            workshop.run(&format!("{dwp} -e {file} -o {file}.dwp"));
            fs::remove_file(workshop.path(&format!("{file}.dwo"))).unwrap();
            workshop.check(&file, &format!("{file}-whole"), &options());
        }
    }
}

#[test]
fn parts_shared_with_other_files_by_dwz() {
    let workshop = Workshop::new("dwz");
    workshop.run("g++ -O2 -g -Wl,--build-id @inline.cpp -o one");
    workshop.run("g++ -O2 -g -Wl,--build-id @inline.cpp -DTWO -o two");
    fs::copy(workshop.path("one"), workshop.path("whole")).unwrap();
    workshop.run("dwz -m shared.debug one two");
    workshop.check("one", "whole", &options());
}

#[test]
fn debug_files_found_by_link_and_by_build_id() {
    let workshop = Workshop::new("separate");
    let id = "0123456789abcdef0123456789abcdef01234567";
    workshop.run(&format!("gcc -O2 -g -Wl,--build-id=0x{id} @inline.c -o whole"));
    workshop.run("objcopy --only-keep-debug whole whole.debug");
    workshop.run("objcopy --strip-all --add-gnu-debuglink=whole.debug whole linked");
    workshop.check("linked", "whole", &options());

    workshop.run("objcopy --strip-all whole stripped");
    workshop.run(&format!("install -D whole.debug tree/.build-id/01/{}.debug", &id[2..]));
    let debug_folders = vec![workshop.path("tree")];
    workshop.check("stripped", "whole", &Options { debug_folders, ..options() });

    workshop.run(&format!("install -D whole.debug cache/{id}/debuginfo"));
    let debuginfod_cache = Some(workshop.path("cache"));
    workshop.check("stripped", "whole", &Options { debuginfod_cache, ..options() });
}

#[test]
fn debug_files_sent_by_servers() {
    let workshop = Workshop::new("servers");
    let id = "0123456789abcdef0123456789abcdef01234567";
    workshop.run(&format!("gcc -O2 -g -Wl,--build-id=0x{id} @inline.c -o whole"));
    workshop.run("objcopy --only-keep-debug whole whole.debug");
    workshop.run("objcopy --strip-all whole stripped");
    let file = fs::read(workshop.path("whole.debug")).unwrap();
    let (empty, _) = server(|mut stream| write!(stream, "HTTP/1.1 404 Not Found\r\n\r\n"));
    let (full, asked) = server(move |mut stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len())?;
        stream.write_all(&file)
    });
    let options = Options {
        debuginfod_cache: Some(workshop.path("cache")),
        debuginfod_urls: vec![empty, full],
        ..options()
    };
    workshop.check("stripped", "whole", &options);
    assert_eq!(*asked.lock().unwrap(), [format!("GET /buildid/{id}/debuginfo HTTP/1.1")]);
    // What was sent is kept: nobody has to be asked again.
    workshop.check("stripped", "whole", &Options { debuginfod_urls: Vec::new(), ..options });
}

#[test]
fn dead_slow_and_broken_servers_cost_a_bounded_wait_and_a_line() {
    let workshop = Workshop::new("bad-servers");
    workshop.run("gcc -O2 -g -Wl,--build-id @inline.c -o whole");
    workshop.run("objcopy --strip-all whole stripped");
    let dead = "http://127.0.0.1:1".to_owned();
    let (broken, _) =
        server(|mut stream| write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"));
    let (slow, _) = server(|_| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    });
    for url in [dead, broken, slow] {
        let options = Options {
            debuginfod_cache: Some(workshop.path("cache")),
            debuginfod_urls: vec![url.clone()],
            debuginfod_time_limit: Duration::from_secs(1),
            ..options()
        };
        let started = Instant::now();
        let symbolizer = Symbolizer::new(&options);
        let frame = Frame { address: BIAS + 0x1100, module: Some(0) };
        let symbols = symbolizer.symbolize(&[module(&workshop.path("stripped"), BIAS)], &[frame], 0);
        assert_eq!(symbols.lookup(frame).len(), 1);
        assert!(started.elapsed() < Duration::from_secs(3), "{url}: {:?}", started.elapsed());
        let [Complaint::Server { url: told, .. }] = &symbolizer.complaints()[..] else {
            panic!("not one complaint about {url}")
        };
        assert_eq!(*told, url);
        let left = fs::read_dir(workshop.path("cache")).map_or(0, |folders| {
            folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).count()
        });
        assert_eq!(left, 0, "{url} left half a file");
    }
}

/// A server on a port of its own that has `answer` answer each request. Returns its address, and the
/// first lines of the requests.
fn server(
    answer: impl Fn(TcpStream) -> io::Result<()> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asked_here = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let request = lines.next().unwrap();
            lines.find(String::is_empty);
            asked_here.lock().unwrap().push(request);
            answer(stream.try_clone().unwrap()).unwrap();
        }
    });
    (url, asked)
}

#[test]
fn a_debug_file_of_another_build_is_not_used() {
    let workshop = Workshop::new("mismatch");
    workshop.run("gcc -O2 -Wl,--build-id=none @inline.c -o program");
    workshop.run("gcc -O0 -g -Wl,--build-id=none @inline.c -o other.debug");
    // The link holds the CRC of the right file, which then is replaced.
    workshop.run("objcopy --only-keep-debug program right.debug");
    workshop.run("objcopy --add-gnu-debuglink=right.debug program");
    fs::rename(workshop.path("other.debug"), workshop.path("right.debug")).unwrap();
    workshop.check("program", "program", &options());
}

#[test]
fn symbol_tables_alone() {
    let workshop = Workshop::new("symbols");
    workshop.run("g++ -O2 @inline.cpp -o program");
    workshop.check("program", "program", &options());
    workshop.run("g++ -O2 -g @inline.cpp -o with-lines");
    workshop.run("objcopy --strip-debug with-lines without");
    workshop.check("with-lines", "without", &Options { mode: Mode::Symbols, ..options() });
}

#[test]
fn dynamic_symbols_alone() {
    let workshop = Workshop::new("dynamic");
    workshop.run("gcc -O2 -rdynamic -s @inline.c -o program");
    workshop.check("program", "program", &options());
}

#[test]
fn symbols_in_compressed_mini_debug_information() {
    let workshop = Workshop::new("mini");
    workshop.run("gcc -O2 @inline.c -o whole");
    workshop.run("objcopy --only-keep-debug whole mini");
    workshop.run("xz mini");
    workshop.run("objcopy --strip-all --add-section .gnu_debugdata=mini.xz whole program");
    workshop.check("program", "whole", &options());
}

#[test]
fn stubs_of_the_linkage_table() {
    let workshop = Workshop::new("plt");
    workshop.run("gcc -O2 -fcf-protection=none -Wl,-z,lazy @inline.c -o lazy");
    workshop.run("gcc -O2 -fcf-protection=full -Wl,-z,now,-z,ibtplt @inline.c -o protected");
    for file in ["lazy", "protected"] {
        let stubs = stubs(&workshop.path(file));
        assert!(stubs.iter().any(|(_, name)| name == "malloc@plt"), "{stubs:?}");
        let addresses: Vec<u64> = stubs.iter().map(|(address, _)| address + 5).collect();
        let ours = ours(&workshop.path(file), &addresses, &options());
        let names: Vec<&str> = ours.values().map(|levels| levels[0].name.as_str()).collect();
        let expected: Vec<&str> = stubs.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, expected);
    }
}

/// Without symbols there are the bounds of functions, which unwinding needs.
#[test]
fn functions_of_a_stripped_program_are_one_each() {
    let workshop = Workshop::new("stripped");
    workshop.run("gcc -O2 @inline.c -o whole");
    workshop.run("objcopy --strip-all whole stripped");
    let (whole, stripped) = (workshop.path("whole"), workshop.path("stripped"));
    let addresses = instructions(&whole);
    let output = Command::new("nm").arg("--defined-only").arg(&whole).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let starts: BTreeMap<String, u64> = text
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|fields| (fields[2].to_owned(), u64::from_str_radix(fields[0], 16).unwrap()))
        .collect();
    let named = resolve(&whole, &addresses, &options());
    let mut compared = BTreeSet::new();
    for (address, frames) in resolve(&stripped, &addresses, &options()) {
        let name = &named[&address][0].function.system_name;
        // What the linker adds to a program has no unwind information.
        if ["main", "_start", "read_names", "total"].contains(&name.as_str()) {
            assert_eq!(frames[0].function.name, format!("stripped+{:#x}", starts[name]), "{address:#x}");
            assert_eq!(frames[0].function.system_name, "");
            compared.insert(name.clone());
        }
    }
    assert_eq!(compared.len(), 4, "{compared:?}");

    let bounds = |file: &Path| {
        let addresses = [starts["total"] + 1, starts["main"], 0];
        Symbolizer::new(&options()).functions(&module(file, BIAS), &addresses)
    };
    let [Some(total), Some(main), None] = &bounds(&whole)[..] else { panic!("{:?}", bounds(&whole)) };
    assert_eq!((total.start, main.start), (starts["total"], starts["main"]));
    assert_eq!(bounds(&stripped), [Some(total.clone()), Some(main.clone()), None]);
}

/// The stubs that objdump names, in the order of their addresses.
fn stubs(file: &Path) -> Vec<(u64, String)> {
    let output = Command::new("objdump").arg("--disassemble").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let label = |line: &str| {
        let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
        let address = u64::from_str_radix(address, 16).ok()?;
        name.ends_with("@plt").then(|| (address, name.to_owned()))
    };
    let mut stubs: Vec<_> = text.lines().filter_map(label).collect();
    stubs.sort();
    stubs
}

#[test]
fn code_made_at_run_time() {
    let pid = std::process::id();
    let map = format!("/tmp/perf-{pid}.map");
    fs::write(&map, "7f0000001000 80 py::work:/app.py\n").unwrap();
    let frame = |address| Frame { address, module: None };
    let frames = [frame(0x7f00_0000_1040), frame(0x7f00_0000_2000)];
    let symbols = Symbolizer::new(&options()).symbolize(&[], &frames, pid);
    fs::remove_file(&map).unwrap();
    assert_eq!(symbols.lookup(frames[0])[0].function.name, "py::work:/app.py");
    assert!(symbols.lookup(frames[1]).is_empty());
}

#[test]
fn a_file_that_was_replaced_gives_no_names() {
    let workshop = Workshop::new("replaced");
    workshop.run("gcc -O2 -g @inline.c -o program");
    let mut module = module(&workshop.path("program"), BIAS);
    module.file = None;
    module.build_id = vec![1; 20];
    let frame = Frame { address: BIAS + 0x1234, module: Some(0) };
    let symbols = Symbolizer::new(&options()).symbolize(&[module], &[frame], 0);
    let [resolved] = symbols.lookup(frame) else { panic!("not one frame") };
    assert_eq!(resolved.function.name, "program+0x1234");
    assert_eq!(resolved.function.system_name, "");
}

#[test]
fn functions_start_where_they_are_declared() {
    let workshop = Workshop::new("start-lines");
    workshop.run("g++ -O2 -g @inline.cpp -o gcc");
    workshop.run("clang++ -O2 -g @inline.cpp -o clang");
    workshop.run("gcc -O2 -g -flto @inline.c @other.c -DOTHER -o lto");
    for file in ["gcc", "clang", "lto"] {
        let path = workshop.path(file);
        let addresses = instructions(&path);
        let known = |frame: &ResolvedFrame| Some(frame.function.start_line).filter(|&line| line > 0);
        let ours: BTreeMap<u64, Vec<u64>> = resolve(&path, &addresses, &options())
            .into_iter()
            .map(|(address, frames)| (address, frames.iter().filter_map(known).collect()))
            .collect();
        let llvm = llvm_start_lines(&path, &addresses);
        let different = addresses.iter().find(|address| ours.get(address) != llvm.get(address));
        assert_eq!(different.map(|address| (address, &ours[address], &llvm[address])), None, "{file}");
    }
}

/// All names, as they are shown, of the functions in a program.
fn names_in(file: &Path) -> BTreeSet<String> {
    let frames = resolve(file, &instructions(file), &options()).into_values().flatten();
    frames.map(|frame| frame.function.name.clone()).collect()
}

#[track_caller]
fn assert_named(names: &BTreeSet<String>, expected: &[&str]) {
    for name in expected {
        assert!(names.contains(*name), "no {name} in {names:#?}");
    }
}

#[test]
fn lambdas_that_were_inlined_everywhere_are_told_apart() {
    let workshop = Workshop::new("lambdas");
    workshop.run("g++ -std=c++17 -O2 -g @lambdas.cpp -o program");
    workshop.run("g++ -std=c++17 -O2 -g -flto @lambdas.cpp -o lto");
    workshop.run("g++ -std=c++17 -O2 -g -gsplit-dwarf @lambdas.cpp -o split");
    workshop.run("cp program shared");
    workshop.run("cp program shared-too");
    workshop.run("dwz -m shared.debug shared shared-too");
    for file in ["program", "lto", "split", "shared"] {
        let names = names_in(&workshop.path(file));
        assert_named(
            &names,
            &[
                "main",
                "lambdas::{lambda at lambdas.cpp:7:17}::operator()",
                "lambdas::{lambda at lambdas.cpp:8:17}::operator()",
                "outer::Inner::twice<int>(int)::{lambda(int)#1}::operator()",
                "(anonymous namespace)::hidden",
                "Widget::Widget",
            ],
        );
    }
}

/// Names that only the demangler of the same LLVM knows; with debug information those of the source.
#[test]
fn constrained_templates_of_clang_have_the_names_in_the_source() {
    let workshop = Workshop::new("constrained");
    workshop.run("clang++-19 -w -std=c++20 -O2 -g @constrained.cpp -o program");
    workshop.run("objcopy --strip-debug program symbols");
    let path = workshop.path("program");
    let names = names_in(&path);
    let expected = ["constrained<long>", "fresh<int, 0>", "wrap<std::vector, int>", "$_0::operator()<int>"];
    assert_named(&names, &expected);
    let mut llvm = Command::new("llvm-symbolizer-19");
    let llvm = answer(llvm.args(["--inlines", "--obj"]).arg(&path), &instructions(&path));
    assert!(expected.iter().all(|name| llvm.contains(name)), "{llvm}");
    assert_named(&names_in(&workshop.path("symbols")), &["constrained", "fresh", "wrap"]);
    for names in [names, names_in(&workshop.path("symbols"))] {
        assert!(!names.iter().any(|name| name.starts_with("_Z")), "{names:#?}");
    }
}

/// An #include in a function, and #line as flex, bison and Vala write it.
#[test]
fn lines_of_another_file_than_the_function_do_not_start_where_it_does() {
    let workshop = Workshop::new("include");
    workshop.run("gcc -O1 -g @include.c -o program");
    let path = workshop.path("program");
    let functions: BTreeSet<(String, String, u64)> = resolve(&path, &instructions(&path), &options())
        .into_values()
        .flatten()
        .map(|frame| {
            let file = frame.function.file.rsplit('/').next().unwrap().to_owned();
            (frame.function.name.clone(), file, frame.function.start_line)
        })
        .collect();
    for (name, file, start_line) in [
        ("included", "include.c", 5),
        ("included", "body.inc", 0),
        ("generated", "include.c", 8),
        ("generated", "scan.l", 0),
    ] {
        let expected = (name.to_owned(), file.to_owned(), start_line);
        assert!(functions.contains(&expected), "no {expected:?} in {functions:?}");
    }
}

#[test]
fn calls_nested_beyond_reason_are_cut() {
    let workshop = Workshop::new("nested");
    workshop.run("gcc @nested.s -o program");
    let path = workshop.path("program");
    let address = main_of(&path) + 50;
    let frames = &ours(&path, &[address], &options())[&address];
    assert_eq!(frames.len(), 513);
    assert_eq!((frames[0].name.as_str(), frames[512].name.as_str()), ("deep", "main"));
}

#[test]
fn debug_information_made_to_take_forever_takes_seconds() {
    let workshop = Workshop::new("quadratic");
    for source in ["shared_ranges", "shared_abbreviations"] {
        workshop.run(&format!("gcc @{source}.s -o {source}"));
        let path = workshop.path(source);
        let address = main_of(&path) + 50;
        let started = Instant::now();
        let options = Options { time_limit: Duration::from_secs(1), ..options() };
        let frames = &ours(&path, &[address], &options)[&address];
        assert_eq!(frames[0].name, "main");
        assert!(started.elapsed() < Duration::from_secs(5), "{source}: {:?}", started.elapsed());
    }
}

/// The address of `main` in a file.
fn main_of(file: &Path) -> u64 {
    let output = Command::new("nm").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let address = text.lines().find_map(|line| line.strip_suffix(" T main")).unwrap();
    u64::from_str_radix(address, 16).unwrap()
}

#[test]
fn damaged_files_cost_names_only() {
    let workshop = Workshop::new("damaged");
    workshop.run("gcc -O2 -g @inline.c -o program");
    workshop.run("objcopy --compress-debug-sections=zlib-gabi program compressed");
    let files = ["program", "compressed"].map(|file| fs::read(workshop.path(file)).unwrap());
    let addresses = instructions(&workshop.path("program"));
    // The numbers of xorshift64, from a seed of no meaning: the same damage in each run.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..200 {
        let whole = &files[round / 4 % 2];
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(random(whole.len())),
            // Headers of the file and its segments, and of its sections, which are at its end.
            1 => bytes[random(0x400)] = random(256) as u8,
            2 => bytes[whole.len() - 1 - random(0x900)] = random(256) as u8,
            _ => (0..100).for_each(|_| bytes[random(whole.len())] = random(256) as u8),
        }
        fuzzed::run(&bytes);
        fs::write(workshop.path("damaged"), bytes).unwrap();
        let frames = ours(&workshop.path("damaged"), &addresses, &options());
        assert_eq!(frames.len(), addresses.len());
    }
}
