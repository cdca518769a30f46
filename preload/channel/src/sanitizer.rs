//! The sanitizers that bring a malloc of their own, or look for leaks: with them a program is left
//! alone. (The undefined behaviour sanitizer does neither, when it is alone.)

/// One of them, as gcc and clang know it.
#[derive(Debug, Clone, Copy)]
pub struct Sanitizer {
    /// What instrumented code calls at its start. Its runtime library defines it, or the program
    /// itself, if the runtime is linked into it.
    pub function: &'static str,
    /// How the names of its runtime library begin: gcc's, and clang's.
    pub libraries: [&'static str; 2],
}

macro_rules! sanitizers {
    ($($name:literal)*) => {
        /// All that are known.
        pub const SANITIZERS: &[Sanitizer] = &[$(Sanitizer {
            function: concat!("__", $name, "_init"),
            libraries: [concat!("lib", $name, ".so"), concat!("libclang_rt.", $name)],
        }),*];
    };
}

sanitizers! { "asan" "lsan" "tsan" "msan" "hwasan" "memprof" "nsan" }

/// What the runtimes of those with a malloc ask a program for, even where they are linked in and show none of their
/// own functions to the dynamic linker.
pub const HOOK: &str = "__sanitizer_malloc_hook";
