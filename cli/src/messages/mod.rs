//! What heaptrace says, every fact in words, and nowhere else: all of it but what `report` says of profiles.

mod advice;
pub mod budgets;
pub mod collect;
pub mod live;
pub mod names;
mod numbers;
pub mod options;
pub mod run;
pub mod serve;
pub mod stat;
pub mod summary;
pub mod unrecorded;
pub mod verdict;
