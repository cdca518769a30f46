//! `heaptrace run`, end to end: each test runs a small program of `tests/programs` that shows one
//! behaviour, and compares what heaptrace says of it with evidence of another origin.

mod support;

#[path = "run/before_main.rs"]
mod before_main;
#[path = "run/chaos.rs"]
mod chaos;
#[path = "run/cohorts.rs"]
mod cohorts;
#[path = "run/collector.rs"]
mod collector;
#[path = "run/confined.rs"]
mod confined;
#[path = "run/environment.rs"]
mod environment;
#[path = "run/estimates.rs"]
mod estimates;
#[path = "run/exit.rs"]
mod exit;
#[path = "run/inherited.rs"]
mod inherited;
#[path = "run/inside.rs"]
mod inside;
#[path = "run/ledger.rs"]
mod ledger;
#[path = "run/limits.rs"]
mod limits;
#[path = "run/mallocs.rs"]
mod mallocs;
#[path = "run/modules.rs"]
mod modules;
#[path = "run/musl.rs"]
mod musl;
#[path = "run/operators.rs"]
mod operators;
#[path = "run/output.rs"]
mod output;
#[path = "run/own_code.rs"]
mod own_code;
#[path = "run/plain.rs"]
mod plain;
#[path = "run/processes.rs"]
mod processes;
#[path = "run/programs.rs"]
mod programs;
#[path = "run/sampled.rs"]
mod sampled;
#[path = "run/sanitizers.rs"]
mod sanitizers;
#[path = "run/signals.rs"]
mod signals;
#[path = "run/stacks.rs"]
mod stacks;
#[path = "run/time_line.rs"]
mod time_line;
#[path = "run/words.rs"]
mod words;
