//! Whose code is which: the program's own is neither the language's library, nor an allocator's
//! plumbing, nor a library of the system or of a registry.

use crate::pattern::Pattern;
use crate::profile::tables::{Function, Line, Location, Profile};
use crate::view::paths::base;
use crate::view::wrappers::wrappers;

/// What is in the path of a source file of a compiler, of a language's library or of its toolchain.
const LANGUAGE_SOURCES: [&str; 19] = [
    // Rust.
    "/rustc/",
    "/rustlib/",
    "/rust/deps/",
    // C and C++.
    "/include/c++/",
    "/c++/v1/",
    "/libstdc++-v3/",
    "/libgcc/",
    "/gcc/include/",
    "/libcxx/",
    // Ada, D, Fortran, Go, Zig.
    "/adainclude/",
    "/druntime/",
    "/phobos/",
    "/libgfortran/",
    "/usr/local/go/src/",
    "/lib/go/src/",
    "/lib/go-1.",
    "/go/src/runtime/",
    "/zig/lib/std/",
    "/lib/zig/",
];

/// What is in the path of a source file of the C library.
const SYSTEM_SOURCES: [&str; 4] = ["/sysdeps/", "/glibc", "/csu/", "/nptl/"];

/// What is in the path of a source file of a registry or of the system.
const DEPENDENCY_SOURCES: [&str; 9] = [
    "/registry/src/",
    "/git/checkouts/",
    "/go/pkg/mod/",
    "/usr/include/",
    "/usr/local/include/",
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/src/",
    "/nix/store/",
];

/// Where mapped files are that come with the system.
const SYSTEM_FOLDERS: [&str; 6] =
    ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/", "/nix/store/"];

/// Mapped files that are a language's wherever they are.
const LANGUAGE_FILES: [&str; 7] =
    ["libc++", "libgcc_s", "libgfortran", "libgnat", "libphobos", "libstd-", "libstdc++"];

/// Mapped files of the C library and the kernel.
const SYSTEM_FILES: [&str; 5] = ["[", "ld-linux", "ld-musl", "libc.", "libpthread"];

/// Mapped files that are an allocator's wherever they are.
const ALLOCATOR_FILES: [&str; 4] = ["libasan", "libjemalloc", "libmimalloc", "libtcmalloc"];

/// The crates and namespaces of languages' libraries and of allocators' plumbing.
const LIBRARY_ROOTS: [&str; 16] = [
    "std",
    "core",
    "alloc",
    "hashbrown",
    "proc_macro",
    "compiler_builtins",
    "__rustc",
    "rustc_demangle",
    "__gnu_cxx",
    "__cxxabiv1",
    "__gnu_debug",
    "tikv_jemallocator",
    "jemallocator",
    "mimalloc",
    "runtime",
    "ada",
];

/// Functions of a language that only start the program, pass a request for memory on, or end something.
const LANGUAGE_FUNCTIONS: [&str; 6] =
    ["operator new", "operator delete", "__cxa_", "_GLOBAL__", "__rust", "lang_start"];

/// The same of the system.
const SYSTEM_FUNCTIONS: [&str; 3] = ["_start", "__libc_", "_dl_"];

/// What else is the program's own, and what else is not.
#[derive(Clone, Debug, Default)]
pub struct OwnCode {
    /// Folders whose sources and mapped files are the program's own, separated by colons.
    pub paths: String,
    /// What is not, by function or source file.
    pub not: Option<Pattern>,
}

/// Whose code is in a profile.
#[derive(Debug)]
pub struct Own {
    /// For each function whose it is; `None`: of whoever its mapping is.
    functions: Vec<Option<Origin>>,
    /// For each mapping, whose code in it is if nothing else is known of it.
    mappings: Vec<Origin>,
}

/// Whose code something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The program's own.
    Program,
    /// A library's that the program uses, or an allocator's.
    Dependency,
    /// The language's library's.
    Language,
    /// The C library's, the loader's or the kernel's.
    System,
}

impl OwnCode {
    /// Finds it in a profile.
    pub fn find(&self, profile: &Profile) -> Own {
        // The program's own mapping comes first.
        let program = profile.mappings.first().map(|mapping| mapping.file);
        let mappings = profile.mappings.iter().map(|mapping| {
            let path = profile.text(mapping.file);
            match Some(mapping.file) == program || self.is_below(path) {
                true => Origin::Program,
                false => origin_of_file(path),
            }
        });
        let functions = profile.functions.iter().zip(wrappers(profile));
        let functions = functions.map(|(function, is_wrapper)| self.origin(profile, function, is_wrapper));
        Own { functions: functions.collect(), mappings: mappings.collect() }
    }

    fn origin(&self, profile: &Profile, function: &Function, is_wrapper: bool) -> Option<Origin> {
        let (name, file) = (profile.text(function.name), profile.text(function.file));
        if self.not.as_ref().is_some_and(|not| not.is_match(name) || not.is_match(file)) {
            Some(Origin::Dependency)
        } else if self.is_below(file) {
            Some(Origin::Program)
        } else if is_wrapper {
            Some(Origin::Dependency)
        } else {
            origin_of_name(name).or_else(|| origin_of_source(file))
        }
    }

    fn is_below(&self, path: &str) -> bool {
        let mut folders = self.paths.split(':').filter(|folder| !folder.is_empty());
        folders.any(|folder| {
            let rest = path.strip_prefix(folder.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl Own {
    /// Whose code a line is.
    pub fn line(&self, location: &Location, line: &Line) -> Origin {
        self.functions[line.function as usize].unwrap_or_else(|| self.location(location))
    }

    /// Whose code an address is of which nothing is known but its mapping.
    pub fn location(&self, location: &Location) -> Origin {
        location.mapping.map_or(Origin::Program, |mapping| self.mappings[mapping as usize])
    }
}

fn origin_of_file(path: &str) -> Origin {
    let is_one_of = |files: &[&str]| files.iter().any(|file| base(path).starts_with(file));
    if is_one_of(&LANGUAGE_FILES) {
        Origin::Language
    } else if is_one_of(&SYSTEM_FILES) {
        Origin::System
    } else if is_one_of(&ALLOCATOR_FILES) || SYSTEM_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        Origin::Dependency
    } else {
        Origin::Program
    }
}

/// Whose a source file is, if it is not the program's.
fn origin_of_source(file: &str) -> Option<Origin> {
    let is_in = |parts: &[&str]| parts.iter().any(|part| file.contains(part));
    if is_in(&LANGUAGE_SOURCES) {
        Some(Origin::Language)
    } else if is_in(&SYSTEM_SOURCES) {
        Some(Origin::System)
    } else {
        is_in(&DEPENDENCY_SOURCES).then_some(Origin::Dependency)
    }
}

/// Whose a function is, if its name alone tells that it is not the program's.
fn origin_of_name(name: &str) -> Option<Origin> {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if begins(&SYSTEM_FUNCTIONS) {
        return Some(Origin::System);
    }
    (begins(&LANGUAGE_FUNCTIONS) || is_library_path(name)).then_some(Origin::Language)
}

/// The same for names with a path, of a function or of the type in `<…>` that it is of.
fn is_library_path(name: &str) -> bool {
    let inner = name.trim_start_matches(['<', '&', '*', '(']);
    let inner =
        ["mut ", "const ", "dyn ", "impl "].iter().fold(inner, |s, word| s.strip_prefix(word).unwrap_or(s));
    let end = inner.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(inner.len());
    let (root, rest) = inner.split_at(end);
    if rest.starts_with("::") || rest.starts_with('.') {
        return LIBRARY_ROOTS.contains(&root);
    }
    // Of what stands for any type, and of those that the language has, the trait tells whose it is.
    let is_type = name.starts_with('<');
    match inner.split_once(" as ") {
        Some((_, of)) if is_type => is_library_path(of),
        _ => is_type && (root.is_empty() || is_primitive(root)),
    }
}

fn is_primitive(name: &str) -> bool {
    let number = name.trim_start_matches(['u', 'i', 'f']);
    matches!(name, "str" | "bool" | "char" | "usize" | "isize") || number.parse::<u8>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries_are_told_from_the_program_s() {
        for name in [
            "std::vector<app::Foo, std::allocator<app::Foo> >::push_back",
            "__gnu_cxx::__normal_iterator<int*, std::vector<int> >::operator++",
            "alloc::vec::Vec<T>::push",
            "<alloc::vec::Vec<app::Foo> as core::clone::Clone>::clone",
            "<T as alloc::string::ToString>::to_string",
            "<&mut core::fmt::Formatter as core::fmt::Write>::write_str",
            "<[u8]>::to_vec_in::<alloc::alloc::Global>",
            "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
            "<str>::to_owned",
            "hashbrown::map::HashMap<K,V,S,A>::insert",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "_start",
            "operator new",
            "runtime.mallocgc",
        ] {
            assert!(origin_of_name(name).is_some(), "{name}");
        }
        for name in [
            "main",
            "orders::load",
            "app::main::{{closure}}",
            "<app::Foo as core::clone::Clone>::clone",
            "<T as app::Trait>::f",
            "<u64 as app::Trait>::f",
            "(anonymous namespace)::f",
            "main.main",
            "stdio_wrapper",
            "alloc_page",
            "core_loop",
            "{lambda(int)#1}::operator()",
            "",
        ] {
            assert_eq!(origin_of_name(name), None, "{name}");
        }
    }

    #[test]
    fn libraries_are_known_by_where_they_are() {
        use Origin::{Dependency, Language, Program, System};
        for (path, origin) in [
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3", Dependency),
            ("/home/me/.local/lib/libjemalloc.so.2", Dependency),
            ("/lib64/ld-linux-x86-64.so.2", System),
            ("[vdso]", System),
            ("/opt/gcc/lib64/libstdc++.so.6.0.33", Language),
            ("/home/me/target/debug/app", Program),
            ("/opt/app/lib/libapp.so", Program),
            ("/usr/bin/python3.11", Program),
            ("", Program),
        ] {
            assert_eq!(origin_of_file(path), origin, "{path}");
        }
        for (file, origin) in [
            ("/usr/include/c++/12/bits/stl_vector.h", Some(Language)),
            ("/rustc/abc/library/alloc/src/vec/mod.rs", Some(Language)),
            ("./nptl/pthread_create.c", Some(System)),
            ("/usr/include/boost/any.hpp", Some(Dependency)),
            ("/usr/lib/go-1.19/src/strings/strings.go", Some(Language)),
            ("/home/me/go/pkg/mod/example.org/lib@v1/lib.go", Some(Dependency)),
            ("/home/me/.cargo/registry/src/index/serde-1.0/src/lib.rs", Some(Dependency)),
            ("/home/me/src/main.rs", None),
        ] {
            assert_eq!(origin_of_source(file), origin, "{file}");
        }
    }
}
