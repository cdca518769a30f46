//! What libheaptrace.so and libheaptrace-stat.so show to the dynamic linker and to the programs that they are
//! loaded into.
//!
//! `preload/exports.txt` lists the symbols of both, and `preload/asked.txt` what a program can ask or tell them:
//! whoever adds one does so here, on purpose. They need none.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use support::{HEAPTRACE, library, print_of, stat_library};

mod support;

const EXPORTS: &str = include_str!("../preload/exports.txt");

fn libraries() -> [PathBuf; 2] {
    [library(), stat_library()]
}

/// What a program can ask or tell the library that counts; to the one that records it can tell [`MARK`].
const ASKED: &str = include_str!("../preload/asked.txt");

const MARK: &str = "heaptrace_mark";

fn tool(library: &Path, program: &str, options: &[&str]) -> String {
    let arguments: Vec<_> = options.iter().map(OsStr::new).chain([library.as_os_str()]).collect();
    print_of(program, &arguments)
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn exports_the_names_in_exports_txt_and_no_others() {
    let all = [format!("{EXPORTS}{MARK}"), format!("{EXPORTS}{ASKED}")];
    for (library, all) in libraries().iter().zip(all) {
        let symbols = tool(library, "nm", &["--dynamic", "--defined-only"]);
        let names = symbols.lines().map(|line| line.split_whitespace().nth(2).unwrap().to_owned());
        assert_eq!(names.collect::<BTreeSet<_>>(), lines(&all));
    }
}

#[test]
fn every_name_of_the_malloc_family_and_every_operator_is_exported() {
    let names = "malloc calloc realloc reallocarray free cfree posix_memalign aligned_alloc memalign valloc \
                 pvalloc free_sized free_aligned_sized";
    let standard = print_of(
        "sh",
        &["-c".as_ref(), "nm -D --defined-only $(g++ -print-file-name=libstdc++.so.6)".as_ref()],
    );
    let symbols = standard.lines().filter_map(|line| line.split_whitespace().nth(2)?.split('@').next());
    let is_operator =
        |name: &&str| ["_Znw", "_Zna", "_Zdl", "_Zda"].iter().any(|start| name.starts_with(start));
    let all = names.split_whitespace().chain(symbols.filter(is_operator)).map(str::to_owned);
    assert_eq!(all.collect::<BTreeSet<_>>(), lines(EXPORTS));
}

/// `heaptrace` itself has the C library to be linked with: another program waits meanwhile.
#[test]
fn the_program_is_at_a_fixed_address_and_needs_no_library_but_the_c_library() {
    let program = Path::new(HEAPTRACE);
    let dynamic = tool(program, "readelf", &["--dynamic", "--wide"]);
    let others = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let others: Vec<_> =
        others.filter(|line| !line.contains("[libc.so.6]") && !line.contains("[ld-")).collect();
    assert!(others.is_empty(), "{others:?}");
    let header = tool(program, "readelf", &["--file-header"]);
    assert!(header.contains("EXEC (Executable file)"), "{header}");
}

/// Whatever C library a program has, of whatever version: there is nothing that it could lack.
#[test]
fn needs_no_symbol_no_version_and_no_library() {
    for library in &libraries() {
        assert_eq!(tool(library, "nm", &["--dynamic", "--undefined-only"]), "");
        let names = tool(library, "nm", &["--dynamic"]).lines().count();
        let versioned = tool(library, "nm", &["--dynamic", "--with-symbol-versions"]);
        assert_eq!(versioned.lines().count(), names);
        assert!(!versioned.contains('@'));
        let dynamic = tool(library, "readelf", &["--dynamic", "--wide"]);
        assert!(!dynamic.contains("(NEEDED)"), "{dynamic}");
        for tag in ["(RPATH)", "(RUNPATH)", "(TEXTREL)", "(SONAME)"] {
            assert!(!dynamic.contains(tag), "{dynamic}");
        }
    }
}

#[test]
fn is_initialized_first_bound_at_once_and_never_unloaded() {
    for library in &libraries() {
        let dynamic = tool(library, "readelf", &["--dynamic", "--wide"]);
        let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap();
        for flag in ["NOW", "NODELETE", "INITFIRST"] {
            assert!(flags.contains(flag), "{flags}");
        }
    }
}

/// Thread-locals that go through `__tls_get_addr` are slow, and may allocate when first touched.
#[test]
fn has_initial_exec_thread_locals_only() {
    for library in &libraries() {
        let relocations = tool(library, "readelf", &["--relocs", "--wide"]);
        for kind in ["DTPMOD", "DTPOFF", "TLSDESC", "IRELATIV"] {
            assert!(!relocations.contains(kind), "{relocations}");
        }
        assert!(relocations.contains("R_X86_64_TPOFF64"), "{relocations}");
        let headers = tool(library, "readelf", &["--program-headers", "--wide"]);
        let tls = headers.lines().find(|line| line.trim_start().starts_with("TLS ")).unwrap();
        let size =
            u64::from_str_radix(tls.split_whitespace().nth(5).unwrap().trim_start_matches("0x"), 16).unwrap();
        // What is left over for libraries that are loaded late is a few hundred bytes.
        assert!(size <= 100, "{tls}");
    }
}

#[test]
fn has_no_executable_stack_and_no_writable_code() {
    for library in &libraries() {
        let headers = tool(library, "readelf", &["--program-headers", "--wide"]);
        let flags = |line: &str| {
            line.split_whitespace().skip(6).take_while(|word| !word.starts_with('0')).collect::<String>()
        };
        let stack = headers.lines().find(|line| line.contains("GNU_STACK")).unwrap();
        assert_eq!(flags(stack), "RW", "{stack}");
        for segment in headers.lines().filter(|line| line.trim_start().starts_with("LOAD ")) {
            assert!(!(flags(segment).contains('W') && flags(segment).contains('E')), "{segment}");
        }
    }
}

/// Each process maps them, and takes out names that nobody else has.
#[test]
fn has_two_segments_and_its_names_in_the_one_that_can_be_written_to() {
    let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
    for library in &libraries() {
        let headers = tool(library, "readelf", &["--program-headers", "--wide"]);
        let loaded = headers.lines().filter(|line| line.trim_start().starts_with("LOAD "));
        let loaded: Vec<Vec<&str>> = loaded.map(|line| line.split_whitespace().collect()).collect();
        let [code, data] = &loaded[..] else { panic!("{headers}") };
        assert_eq!((code[6..8].concat(), data[6]), ("RE".into(), "RW"), "{headers}");
        let (start, size) = (number(data[2]), number(data[4]));
        let dynamic = tool(library, "readelf", &["--dynamic", "--wide"]);
        let symbols = dynamic.lines().find(|line| line.contains("(SYMTAB)")).unwrap();
        let symbols = number(symbols.split_whitespace().last().unwrap());
        assert!((start..start + size).contains(&symbols), "{symbols:x}, {headers}");
    }
}

#[test]
fn its_path_is_fit_for_ld_preload() {
    let path = library();
    assert!(path.is_absolute() && path.is_file());
    assert!(!path.to_str().unwrap().contains([' ', ':']), "{path:?}");
    assert_eq!(library(), path, "it is where it was");
}
