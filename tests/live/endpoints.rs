//! The endpoints of Go's net/http/pprof, as its clients know them.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::served::{Answer, Served, under};
use crate::support::{Room, print_of};

#[test]
fn headers_and_error_texts_are_those_of_go() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    for (path, name) in
        [("heap", "heap"), ("allocs?gc=1", "allocs"), ("heap?seconds=1", "heap-delta"), ("peak", "peak")]
    {
        let answer = served.get(&format!("/debug/pprof/{path}"));
        assert_eq!(answer.header("Content-Type"), Some("application/octet-stream"));
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(answer.header("Content-Disposition"), Some(&*format!("attachment; filename=\"{name}\"")));
        assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
        assert_eq!(answer.body[..2], [0x1F, 0x8B]);
    }
    for (path, status, text) in [
        ("heap?seconds=0", 400, "invalid value for \"seconds\" - must be a positive integer"),
        ("heap?seconds=-1", 400, "invalid value for \"seconds\" - must be a positive integer"),
        ("heap?seconds=1.5", 400, "invalid value for \"seconds\" - must be a positive integer"),
        ("allocs?seconds=2&debug=1", 400, "seconds and debug params are incompatible"),
        ("heap?max_samples=0", 400, "invalid value for \"max_samples\" - must be a positive integer"),
        ("nothing", 404, "Unknown profile"),
    ] {
        let answer = served.get(&format!("/debug/pprof/{path}"));
        assert_eq!((answer.status, answer.text()), (status, &*format!("{text}\n")), "{path}");
        assert_eq!(answer.header("X-Go-Pprof"), Some("1"), "{path}");
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"), "{path}");
        assert_eq!(answer.header("Content-Disposition"), None, "{path}");
    }
    for name in ["block", "mutex", "goroutine", "profile", "trace", "threadcreate"] {
        let answer = served.get(&format!("/debug/pprof/{name}"));
        assert_eq!((answer.status, answer.header("X-Go-Pprof")), (404, Some("1")));
        assert!(answer.text().contains("enabled = false") && answer.text().contains("enabled: false"));
    }
    assert!(served.get("/debug/pprof/cmdline").text().ends_with("obeys"));
    let symbol = served.send("POST /debug/pprof/symbol HTTP/1.1\r\nContent-Length: 13\r\n\r\n0x1234+0x5678");
    assert_eq!((symbol.status, symbol.text()), (200, "num_symbols: 1\n"));
    let index = served.get("/debug/pprof/");
    assert!(index.text().contains("<a href=\"heap?debug=1\">heap</a>"), "{}", index.text());
    assert_eq!(served.get("/debug/pprof").header("Location"), Some("/debug/pprof/"));
    served.program.ask("quit");
}

#[test]
fn pprof_reads_it_by_its_url_and_as_text() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 100 1000");
    std::fs::write(room.path("text"), served.get("/debug/pprof/heap?debug=1").body).unwrap();
    let (url, text) = (served.url("/debug/pprof/heap"), room.path("text"));
    for (from, index) in [
        (OsStr::new(&url), "inuse_space"),
        (text.as_os_str(), "inuse_space"),
        (OsStr::new(&url), "alloc_space"),
    ] {
        let index = format!("-sample_index={index}");
        let arguments = ["tool", "pprof", "-symbolize=none", "-raw", "-unit=B", &index].map(OsStr::new);
        let printed = print_of("go", &arguments.into_iter().chain([from]).collect::<Vec<_>>());
        let sample = printed
            .lines()
            .find(|line| line.contains(" 100000: ") || line.contains(" 100000 "))
            .map(str::trim);
        assert!(sample.is_some(), "{printed}");
    }
    served.program.ask("quit");
}

#[test]
fn a_difference_over_seconds_has_what_was_allocated_in_them() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 100 1000");
    let url = served.url("/debug/pprof/heap?seconds=1");
    let mut curl = Command::new("curl").args(["-s", "-i", &url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut moments = Vec::new();
    while curl.try_wait().unwrap().is_none() {
        moments.push(Instant::now());
        served.tell("keep 2 100");
        served.tell("churn 3 10");
    }
    let profile = Answer::of(&curl.wait_with_output().unwrap().stdout).profile();
    let duration = Duration::from_nanos(u64::try_from(profile.duration_nanos).unwrap());
    assert!(duration >= Duration::from_secs(1), "{duration:?}");
    // In any stretch of that length at least so many rounds were begun; one more may have been under way.
    let rounds = |from: &Instant| {
        moments.iter().filter(|&at| at >= from && at.duration_since(*from) < duration).count()
    };
    let whole = moments.iter().filter(|from| moments.last().unwrap().duration_since(**from) >= duration);
    let least = whole.map(rounds).min().unwrap_or(0).saturating_sub(1) as i64;
    let most = moments.len() as i64;
    let kept = under(&profile, "keep", "inuse_objects");
    assert!((2 * least..=2 * most).contains(&kept), "{kept} of {least} to {most} rounds");
    assert_eq!(under(&profile, "keep", "alloc_space"), 100 * kept);
    assert_eq!(under(&profile, "churn", "inuse_objects"), 0);
    let churned = under(&profile, "churn", "alloc_objects");
    assert!((churned / 3 - kept / 2).abs() <= 1, "{churned} beside {kept}");
    served.program.ask("quit");
}

#[test]
fn the_peak_comes_with_all_six_types_and_few_samples_keep_the_totals() {
    let room = Room::new();
    let mut served = Served::start(&room);
    for command in ["keep 100 1000", "drop", "keep 3 50", "churn 2 7", "churn 2 900"] {
        served.tell(command);
    }
    for (path, first) in
        [("peak", "peak_space"), ("heap?types=all", "inuse_space"), ("allocs?types=all", "alloc_space")]
    {
        let profile = served.get(&format!("/debug/pprof/{path}")).profile();
        assert_eq!(profile.sample_type.len(), 6);
        assert_eq!(profile.string_table[profile.default_sample_type as usize], first);
        assert_eq!(under(&profile, "keep", "peak_space"), 100_000);
    }
    let all = served.get("/debug/pprof/heap").profile();
    let few = served.get("/debug/pprof/heap?max_samples=2").profile();
    assert!(all.sample.len() > 2 && few.sample.len() == 2);
    for index in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
        assert_eq!(under(&few, "", index), under(&all, "", index), "{index}");
    }
    assert_eq!(under(&few, "[smaller stacks]", "alloc_objects"), 7);
    served.program.ask("quit");
}

#[test]
fn other_processes_have_paths_and_parameters_of_their_own() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 4 1000");
    let child = served.program.ask("fork");
    let inuse = |path: &str| under(&served.get(path).profile(), "keep", "inuse_objects");
    assert_eq!(inuse("/debug/pprof/heap"), 4);
    for path in [format!("/pid/{child}/debug/pprof/heap"), format!("/debug/pprof/heap?pid={child}")] {
        assert_eq!(inuse(&path), 14, "{path}");
    }
    let index = served.get("/debug/pprof/");
    assert!(index.text().contains(&format!("/pid/{child}/debug/pprof/")), "{}", index.text());
    let metrics = served.get("/metrics");
    let line = format!("heaptrace_inuse_bytes{{pid=\"{child}\",program=\"obeys\"}} 4770\n");
    assert!(metrics.text().contains(&line), "{}", metrics.text());
    assert_eq!(metrics.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for bad in ["/pid/1/debug/pprof/heap", "/pid/x/debug/pprof/heap", "/debug/pprof/heap?pid=0"] {
        assert_eq!(served.get(bad).status, 404, "{bad}");
    }
    crate::support::signal_process(child.parse().unwrap(), libc::SIGKILL);
    served.program.ask("quit");
}
