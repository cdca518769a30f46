//! `heaptrace report` compared with `go tool pprof`, and its own output.
