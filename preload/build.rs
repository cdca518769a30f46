//! Link options of libheaptrace.so.

fn main() {
    // Our constructor runs before every other, so that no allocation of another one is missed.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,initfirst");
    // Code of ours may be on a stack at any time: dlclose must not take it away.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // No lazy binding in a hook, and no library that nothing is taken from.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,now,--as-needed");
    println!("cargo::rerun-if-changed=build.rs");
}
