//! Builds libheaptrace.so and libheaptrace-stat.so, which the `heaptrace` binary carries inside, compressed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::Crc;
use lzma_rust2::{XzOptions, XzWriter};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let workspace = manifest.parent().expect("the crate is in the workspace");
    for part in [
        "preload/src",
        "preload/Cargo.toml",
        "preload/layout.ld",
        "preload/channel",
        "preload/recorder",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    for (features, name) in [("shared-object", "LIBRARY"), ("shared-object,counting", "STAT_LIBRARY")] {
        let library = build_library(workspace, features, &out.join(name));
        let content = fs::read(&library).expect("the library was just built");
        let path = out.join(format!("{name}.xz"));
        let file = File::create(&path).expect("the folder is cargo's");
        let mut compressed = XzWriter::new(file, XzOptions::with_preset(9)).expect("there is such a preset");
        compressed.write_all(&content).expect("there is room for it");
        compressed.finish().expect("there is room for it");
        println!("cargo::rustc-env=HEAPTRACE_{name}={}", path.display());
        println!("cargo::rustc-env=HEAPTRACE_{name}_HASH={:016x}", fnv1a(&content));
        let mut check = Crc::new();
        check.update(&content);
        println!("cargo::rustc-env=HEAPTRACE_{name}_CHECK={} {}", check.amount(), check.sum());
    }
    link_program();
}

/// Has the dynamic linker do little when the program starts, of which much is in front of another program's start.
fn link_program() {
    // No address in it has to be relocated, where there would be 15,000.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // The unwinder is inside: its library would be one more to load, which asks the processor what it is, besides.
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let found = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output();
    if found.is_ok_and(|found| found.status.success() && found.stdout.starts_with(b"/")) {
        println!("cargo::rustc-link-lib=gcc_eh");
    }
}

/// How they are linked.
const LINK: [&str; 7] = [
    // Our constructor runs before every other, so that no allocation of another one is missed.
    "-Wl,-z,initfirst",
    // Code of ours may be on a stack at any time: dlclose must not take it away.
    "-Wl,-z,nodelete",
    // No lazy binding in a hook.
    "-Wl,-z,now",
    // Nothing of a C library, nor of any other: what is needed is looked up, and may be missing.
    "-nostartfiles",
    "-Wl,--as-needed,-z,defs",
    // Each process maps two segments, and not four: what could not be written to any more once it is relocated are a
    // few words, beside many that lead elsewhere and must be written to.
    "-Wl,--no-rosegment,-z,norelro,-z,separate-loadable-segments",
    // Few pages are written to at the start of a process.
    "-Wl,-T,preload/layout.ld",
];

/// Always optimized, and in a target folder of its own: the outer cargo holds the lock of the other.
fn build_library(workspace: &Path, features: &str, target: &Path) -> PathBuf {
    let status = Command::new(env::var_os("CARGO").expect("cargo sets it"))
        .current_dir(workspace)
        .args(["rustc", "--quiet", "--profile=library", "--package=heaptrace-preload", "--lib"])
        .arg(format!("--features={features}"))
        .args(["--crate-type=cdylib", "--target-dir"])
        .arg(target)
        .arg("--")
        .args(LINK.map(|option| format!("-Clink-arg={option}")))
        .env_remove("RUSTC_WORKSPACE_WRAPPER") // clippy would build nothing
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER") // zig knows not all of the options
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the library does not build");
    target.join("library/libheaptrace_preload.so")
}

/// The 64-bit FNV-1a hash: tells versions of the library apart, no more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
