//! `heaptrace`: a heap profiler for unmodified native Linux programs.

fn main() {}
