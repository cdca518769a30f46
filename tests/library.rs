//! What libheaptrace.so shows to the dynamic linker and to the programs that it is loaded into.
//!
//! `preload/exports.txt` and `preload/undefined.txt` list its symbols: whoever adds one does so here,
//! on purpose.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use support::{library, print_of};

mod support;

/// The oldest glibc that programs may have: `_dl_find_object` came with 2.35, and dlsym moved into
/// libc.so.6 with 2.34.
const NEWEST_GLIBC: (u32, u32) = (2, 34);

const EXPORTS: &str = include_str!("../preload/exports.txt");
const UNDEFINED: &str = include_str!("../preload/undefined.txt");

fn tool(program: &str, options: &[&str]) -> String {
    let library = library();
    let arguments: Vec<_> = options.iter().map(OsStr::new).chain([library.as_os_str()]).collect();
    print_of(program, &arguments)
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn exports_the_names_in_exports_txt_and_no_others() {
    let symbols = tool("nm", &["--dynamic", "--defined-only"]);
    let names = symbols.lines().map(|line| line.split_whitespace().nth(2).unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), lines(EXPORTS));
}

#[test]
fn every_name_of_the_malloc_family_is_exported() {
    let names = "malloc calloc realloc reallocarray free cfree posix_memalign aligned_alloc memalign valloc \
                 pvalloc free_sized free_aligned_sized";
    assert_eq!(names.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>(), lines(EXPORTS));
}

#[test]
fn takes_the_names_in_undefined_txt_and_no_others() {
    let symbols = tool("nm", &["--dynamic", "--undefined-only"]);
    let line = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["U", name] => name.to_owned(),
        ["w", name] => format!("weak {name}"),
        _ => panic!("{line}"),
    };
    assert_eq!(symbols.lines().map(line).collect::<BTreeSet<_>>(), lines(UNDEFINED));
}

#[test]
fn needs_no_newer_glibc_than_the_oldest_supported() {
    for line in UNDEFINED.lines() {
        let Some((_, version)) = line.split_once("@GLIBC_") else { continue };
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(version <= NEWEST_GLIBC, "{line}");
    }
}

#[test]
fn needs_nothing_but_the_c_library() {
    let dynamic = tool("readelf", &["--dynamic", "--wide"]);
    let needed: Vec<_> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert_eq!(needed.len(), 1, "{needed:?}");
    assert!(needed[0].ends_with("[libc.so.6]"), "{needed:?}");
    for tag in ["(RPATH)", "(RUNPATH)", "(TEXTREL)", "(SONAME)"] {
        assert!(!dynamic.contains(tag), "{dynamic}");
    }
}

#[test]
fn is_initialized_first_bound_at_once_and_never_unloaded() {
    let dynamic = tool("readelf", &["--dynamic", "--wide"]);
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap();
    for flag in ["NOW", "NODELETE", "INITFIRST"] {
        assert!(flags.contains(flag), "{flags}");
    }
}

/// Thread-locals that go through `__tls_get_addr` are slow, and may allocate when first touched.
#[test]
fn has_initial_exec_thread_locals_only() {
    assert!(!UNDEFINED.contains("__tls_get_addr"));
    let relocations = tool("readelf", &["--relocs", "--wide"]);
    for kind in ["DTPMOD", "DTPOFF", "TLSDESC", "IRELATIV"] {
        assert!(!relocations.contains(kind), "{relocations}");
    }
    assert!(relocations.contains("R_X86_64_TPOFF64"), "{relocations}");
    let headers = tool("readelf", &["--program-headers", "--wide"]);
    let tls = headers.lines().find(|line| line.trim_start().starts_with("TLS ")).unwrap();
    let size =
        u64::from_str_radix(tls.split_whitespace().nth(5).unwrap().trim_start_matches("0x"), 16).unwrap();
    // What is left over for libraries that are loaded late is a few hundred bytes.
    assert!(size <= 100, "{tls}");
}

#[test]
fn has_no_executable_stack_and_no_writable_code() {
    let headers = tool("readelf", &["--program-headers", "--wide"]);
    let flags = |line: &str| {
        line.split_whitespace().skip(6).take_while(|word| !word.starts_with('0')).collect::<String>()
    };
    let stack = headers.lines().find(|line| line.contains("GNU_STACK")).unwrap();
    assert_eq!(flags(stack), "RW", "{stack}");
    for segment in headers.lines().filter(|line| line.trim_start().starts_with("LOAD ")) {
        assert!(!(flags(segment).contains('W') && flags(segment).contains('E')), "{segment}");
    }
}

#[test]
fn its_path_is_fit_for_ld_preload() {
    let path = library();
    assert!(path.is_absolute() && path.is_file());
    assert!(!path.to_str().unwrap().contains([' ', ':']), "{path:?}");
    assert_eq!(library(), path, "it is where it was");
}
