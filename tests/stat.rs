//! `heaptrace stat`, end to end: what it counts is compared with the account that each program keeps itself.

mod support;

#[path = "stat/client.rs"]
mod client;
#[path = "stat/commands.rs"]
mod commands;
#[path = "stat/counts.rs"]
mod counts;
#[path = "stat/operators.rs"]
mod operators;
#[path = "stat/shown.rs"]
mod shown;
#[path = "stat/uncounted.rs"]
mod uncounted;
#[path = "stat/verdicts.rs"]
mod verdicts;
