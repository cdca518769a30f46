//! Builds libheaptrace.so, which the `heaptrace` binary carries inside.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let workspace = manifest.parent().expect("the crate is in the workspace");
    for part in [
        "preload/src",
        "preload/build.rs",
        "preload/Cargo.toml",
        "preload/channel",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(part).display());
    }
    let library = build_library(workspace, &out.join("preload"));
    let content = fs::read(&library).expect("the library was just built");
    println!("cargo::rustc-env=HEAPTRACE_LIBRARY={}", library.display());
    println!("cargo::rustc-env=HEAPTRACE_LIBRARY_HASH={:016x}", fnv1a(&content));
}

/// Always optimized, and in a target folder of its own: the outer cargo holds the lock of the other.
/// Without debug information, as each `heaptrace run` reads all of it.
fn build_library(workspace: &Path, target: &Path) -> PathBuf {
    let status = Command::new(env::var_os("CARGO").expect("cargo sets it"))
        .current_dir(workspace)
        .args(["build", "--quiet", "--release", "--package", "heaptrace-preload", "--target-dir"])
        .arg(target)
        .args(["--config", "profile.release.strip='debuginfo'"])
        .env_remove("RUSTC_WORKSPACE_WRAPPER") // clippy would build nothing
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "libheaptrace.so does not build");
    target.join("release/libheaptrace.so")
}

/// The 64-bit FNV-1a hash: tells versions of the library apart, no more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
