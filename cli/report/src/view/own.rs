//! Which code is the program's own: neither the language's library, nor an allocator's plumbing, nor
//! a library of the system or of a registry.

use crate::pattern::Pattern;
use crate::profile::tables::{Function, Line, Location, Profile};
use crate::view::paths::base;

/// What is in the path of a source file of a compiler, a toolchain, a registry or the system.
const LIBRARY_SOURCES: [&str; 30] = [
    // Rust.
    "/rustc/",
    "/rustlib/",
    "/registry/src/",
    "/git/checkouts/",
    "/rust/deps/",
    // C and C++.
    "/usr/include/",
    "/usr/local/include/",
    "/usr/lib/",
    "/usr/lib64/",
    "/include/c++/",
    "/c++/v1/",
    "/libstdc++-v3/",
    "/libgcc/",
    "/gcc/include/",
    "/libcxx/",
    "/sysdeps/",
    "/glibc",
    "/csu/",
    "/nptl/",
    "/usr/src/",
    "/nix/store/",
    // Ada, D, Fortran, Go, Zig.
    "/adainclude/",
    "/druntime/",
    "/phobos/",
    "/libgfortran/",
    "/usr/local/go/src/",
    "/go/pkg/mod/",
    "/go/src/runtime/",
    "/zig/lib/std/",
    "/lib/zig/",
];

/// Where mapped files are that come with the system.
const SYSTEM_FOLDERS: [&str; 6] =
    ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/", "/nix/store/"];

/// Mapped files that are a language's or an allocator's wherever they are.
const LIBRARY_FILES: [&str; 16] = [
    "[",
    "ld-linux",
    "ld-musl",
    "libasan",
    "libc++",
    "libc.",
    "libgcc_s",
    "libgfortran",
    "libgnat",
    "libjemalloc",
    "libmimalloc",
    "libphobos",
    "libpthread",
    "libstd-",
    "libstdc++",
    "libtcmalloc",
];

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

/// Functions that only start the program, pass a request for memory on, or end something.
const LIBRARY_FUNCTIONS: [&str; 9] = [
    "_start",
    "__libc_",
    "operator new",
    "operator delete",
    "__cxa_",
    "_GLOBAL__",
    "__rust",
    "_dl_",
    "lang_start",
];

/// What else is the program's own, and what else is not.
#[derive(Clone, Debug, Default)]
pub struct OwnCode {
    /// Folders whose sources and mapped files are the program's own, separated by colons.
    pub paths: String,
    /// What is not, by function or source file.
    pub not: Option<Pattern>,
}

/// The program's own code in a profile.
#[derive(Debug)]
pub struct Own {
    functions: Vec<Origin>,
    /// For each mapping, whether code in it is the program's own if nothing else is known of it.
    mappings: Vec<bool>,
}

/// Where a function is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Program,
    Library,
    /// From wherever its mapping is.
    Mapping,
}

impl OwnCode {
    /// Finds it in a profile.
    pub fn find(&self, profile: &Profile) -> Own {
        // The program's own mapping comes first.
        let program = profile.mappings.first().map(|mapping| mapping.file);
        let mappings = profile.mappings.iter().map(|mapping| {
            let path = profile.text(mapping.file);
            Some(mapping.file) == program || self.is_below(path) || !is_system(path)
        });
        let functions = profile.functions.iter().map(|function| self.origin(profile, function));
        Own { functions: functions.collect(), mappings: mappings.collect() }
    }

    fn origin(&self, profile: &Profile, function: &Function) -> Origin {
        let (name, file) = (profile.text(function.name), profile.text(function.file));
        if self.not.as_ref().is_some_and(|not| not.is_match(name) || not.is_match(file)) {
            Origin::Library
        } else if self.is_below(file) {
            Origin::Program
        } else if is_library_name(name) || LIBRARY_SOURCES.iter().any(|part| file.contains(part)) {
            Origin::Library
        } else {
            Origin::Mapping
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
    /// Whether a line is of the program's own code.
    pub fn line(&self, location: &Location, line: &Line) -> bool {
        match self.functions[line.function as usize] {
            Origin::Program => true,
            Origin::Library => false,
            Origin::Mapping => self.location(location),
        }
    }

    /// Whether an address of which nothing is known but its mapping is.
    pub fn location(&self, location: &Location) -> bool {
        location.mapping.is_none_or(|mapping| self.mappings[mapping as usize])
    }
}

fn is_system(path: &str) -> bool {
    SYSTEM_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || LIBRARY_FILES.iter().any(|file| base(path).starts_with(file))
}

/// Whether a function is of a language's library, by its name alone.
fn is_library_name(name: &str) -> bool {
    LIBRARY_FUNCTIONS.iter().any(|start| name.starts_with(start)) || is_library_path(name)
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
            assert!(is_library_name(name), "{name}");
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
            assert!(!is_library_name(name), "{name}");
        }
    }

    #[test]
    fn libraries_are_known_by_where_they_are() {
        for path in [
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
            "/lib64/ld-linux-x86-64.so.2",
            "/opt/gcc/lib64/libstdc++.so.6.0.33",
            "/home/me/.local/lib/libjemalloc.so.2",
            "[vdso]",
        ] {
            assert!(is_system(path), "{path}");
        }
        for path in ["/home/me/target/debug/app", "/opt/app/lib/libapp.so", "/usr/bin/python3.11", ""] {
            assert!(!is_system(path), "{path}");
        }
    }
}
