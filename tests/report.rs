//! `heaptrace report` compared with `go tool pprof`, and its own output.

#[path = "report/bad_files.rs"]
mod bad_files;
#[path = "report/builder.rs"]
mod builder;
#[path = "report/code.rs"]
mod code;
#[path = "report/fixtures.rs"]
mod fixtures;
#[path = "report/fuzzed.rs"]
mod fuzzed;
#[path = "report/growth.rs"]
mod growth;
#[path = "report/merging.rs"]
mod merging;
#[path = "report/own.rs"]
mod own;
#[path = "report/patterns.rs"]
mod patterns;
#[path = "report/prompt.rs"]
mod prompt;
#[path = "report/random_options.rs"]
mod random_options;
#[path = "report/same_as_pprof.rs"]
mod same_as_pprof;
#[path = "report/spelling.rs"]
mod spelling;
#[path = "report/support.rs"]
mod support;
#[path = "report/views.rs"]
mod views;
#[path = "support/wanted.rs"]
mod wanted;
