//! Link options of libheaptrace.so.

fn main() {
    // Our constructor runs before every other, so that no allocation of another one is missed.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,initfirst");
    // Code of ours may be on a stack at any time: dlclose must not take it away.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // No lazy binding in a hook.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,now");
    // Nothing of a C library, nor of any other: what is needed is looked up, and may be missing.
    println!("cargo::rustc-cdylib-link-arg=-nostartfiles");
    println!("cargo::rustc-cdylib-link-arg=-Wl,--as-needed,-z,defs");
    println!("cargo::rerun-if-changed=build.rs");
}
