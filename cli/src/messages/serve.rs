//! What clients of a session are told: the live endpoints.

use std::sync::Arc;

/// That a text is no process id.
pub fn no_such_pid(text: &str) -> String {
    format!("{text:?} is no process id")
}

/// The same, to a client of a session.
pub fn not_profiled_here(pid: Option<u32>, pids: &[u32]) -> String {
    let known: Vec<_> = pids.iter().map(u32::to_string).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    match pid {
        Some(pid) => format!("process {pid} is not being profiled here; these are: {known}"),
        None => "no process is being profiled yet, or any more".to_owned(),
    }
}

/// Why there are no other profiles than of the heap, and how to stop asking.
pub fn heap_profiles_only(name: &str) -> String {
    let alloy = match name {
        "profile" => "profile.process_cpu",
        _ => &format!("profile.{name}"),
    };
    let parca = if name == "profile" { "process_cpu" } else { name };
    format!(
        "no {name} profile: heaptrace records memory only. To stop asking for it, in Grafana Alloy's \
         pyroscope.scrape:\n  profiling_config {{ {alloy} {{ enabled = false }} }}\nin Parca's scrape_configs:\n  \
         profiling_config: {{ pprof_config: {{ {parca}: {{ enabled: false }} }} }}"
    )
}

/// That there is no such mark.
pub fn no_mark(pid: u32, name: &str, marks: &[Arc<str>]) -> String {
    const SHOWN: usize = 10;
    let known = match marks.split_at(marks.len().saturating_sub(SHOWN)) {
        ([], []) => format!("it has none; set one with heaptrace mark {pid} {name}"),
        ([], all) => format!("it has {}", all.join(", ")),
        (earlier, latest) => format!("its latest are {}; {} are older", latest.join(", "), earlier.len()),
    };
    format!("process {pid} has no mark {name}: {known}")
}

/// To a client, when the session does not answer.
pub const SESSION_BUSY: &str = "the session has no time, or has just ended";
