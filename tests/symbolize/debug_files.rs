//! Debug information that is compressed, split, shared, or in a file of its own.

use std::fs;

use heaptrace_symbolize::Options;

use crate::tools::options;
use crate::workshop::Workshop;

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
