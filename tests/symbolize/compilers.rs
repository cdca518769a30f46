//! What compilers and linkers make.

use crate::tools::options;
use crate::workshop::Workshop;

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
