//! Regular expressions in RE2's dialect, as pprof reads them.
//!
//! A port of the parser of Go's `regexp/syntax/parse.go`: what is an error there is one here, for the
//! same reason. Rust's own dialect differs in small ways that matter for names of functions: it
//! refuses `{{closure}}`, takes `\<` for the beginning of a word, and `[a&&b]` for an intersection.
//! Only the syntax is ours: what is parsed is compiled by the engine of Rust's regex crate.

mod class;
mod parser;
#[allow(clippy::module_inception)] // it is what all this is about
mod pattern;

pub use pattern::Pattern;
