//! What Pyroscope gets.

use std::collections::BTreeMap;
use std::fs;

use super::server::Server;
use super::store::{Kept, of_call, of_ingest, sum};
use crate::support::{Launch, Room, print_of, signal_process, wait_until};

const ALLOCATED: [&str; 2] = ["alloc_objects", "alloc_space"];

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

fn calls(server: &Server) -> Vec<Kept> {
    server.received().iter().map(of_call).collect()
}

fn with_input(launch: Launch) -> Launch {
    launch.with(|command| {
        command.stdin(std::process::Stdio::piped());
    })
}

#[test]
fn a_program_that_is_over_at_once_is_pushed_with_labels_tenant_and_token() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("ends.c").option("--push").option(&server.url("")).option("--label");
    let launch = launch.option("team=a, b={c}").option("--label").option("pid=%p").option("--label");
    let launch = launch.option("service.name=the-service").env("HEAPTRACE_PUSH_TOKEN", "a secret");
    let ended = launch.env("HEAPTRACE_PUSH_TENANT", "tenant-1").args(["return", "0"]).go().well();
    let [received] = &server.received()[..] else { panic!("one request") };
    assert_eq!(received.header("authorization"), Some("Bearer a secret"));
    assert_eq!(received.header("x-scope-orgid"), Some("tenant-1"));
    assert_eq!(received.header("user-agent"), Some(concat!("heaptrace/", env!("CARGO_PKG_VERSION"))));
    let kept = of_call(received);
    let file = room.profile("out.prof");
    let pid = file.proto.comment.iter().map(|&at| &*file.proto.string_table[at as usize]);
    let pid = pid.into_iter().find_map(|line| line.strip_prefix("pid: ")).unwrap();
    let label = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let labels = [
        ("host_name", &*host()),
        ("pid", pid),
        ("process_executable_name", "ends"),
        ("service_name", "the-service"),
        ("team", "a, b={c}"),
    ];
    assert_eq!(kept.labels, labels.map(label).into());
    assert_eq!(kept.profile.period, 1);
    for index in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
        assert_eq!(kept.under("", index), file.total(index), "{index}");
        assert!(kept.under("", "alloc_space") > 0);
    }
    let said = format!("pushed 1 profile to {}", server.url("/push.v1.PusherService/Push"));
    assert!(ended.stderr.contains(&said), "{said}: {}", ended.stderr);
}

#[test]
fn go_reads_what_is_pushed() {
    let (room, server) = (Room::new(), Server::start());
    room.run("ledger.c").option("--push").option(&server.url("/")).go().well();
    let [kept] = &calls(&server)[..] else { panic!("one profile") };
    fs::write(room.path("pushed.pb.gz"), &kept.bytes).unwrap();
    let text = |index| {
        let options = ["tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0", "-unit=B", index];
        let path = |name| room.path(name).into_os_string();
        let top = |name| {
            let all: Vec<_> = options.iter().map(Into::into).chain([path(name)]).collect();
            let all: Vec<_> = all.iter().map(std::ffi::OsString::as_os_str).collect();
            let text = print_of("go", &all);
            text.lines().filter(|line| line.contains('%')).map(str::to_owned).collect::<Vec<_>>()
        };
        (top("pushed.pb.gz"), top("out.prof"))
    };
    for index in ["-sample_index=alloc_space", "-sample_index=inuse_objects"] {
        let (pushed, written) = text(index);
        assert_eq!(pushed, written);
        assert!(pushed.len() > 2, "{pushed:?}");
    }
}

#[test]
fn what_was_allocated_adds_up_over_the_pushes_and_what_is_in_use_is_all_that_is() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("obeys.c").option("--push").option(&server.url("")).option("--push-interval");
    let mut program = with_input(launch.option("150ms")).spawn();
    for (command, function, allocated) in
        [("keep 10 100", "keep", 1000), ("churn 30 50", "churn", 1500), ("keep 5 20", "keep", 1100)]
    {
        assert_eq!(program.ask(command), "done");
        wait_until("it has come", || sum(&calls(&server), function, "alloc_space") == allocated);
    }
    assert_eq!(program.ask("drop"), "done");
    assert_eq!(program.ask("keep 3 1000"), "done");
    program.send_line("quit");
    let ended = program.wait().well();
    let (kept, file) = (calls(&server), room.profile("out.prof"));
    assert!(kept.len() > 3, "{}", ended.stderr);
    for index in ALLOCATED {
        for function in ["keep", "churn", ""] {
            let whole = if function.is_empty() { file.total(index) } else { file.under(function, index) };
            assert_eq!(sum(&kept, function, index), whole, "{function} {index}");
        }
    }
    let last = kept.iter().max_by_key(|kept| kept.until()).unwrap();
    assert_eq!((last.under("keep", "inuse_space"), file.under("keep", "inuse_space")), (3000, 3000));
    let in_use: Vec<_> = kept.iter().map(|kept| kept.under("keep", "inuse_space")).collect();
    assert!(in_use.iter().all(|bytes| [0, 1000, 1100, 3000].contains(bytes)), "{in_use:?}");
}

#[test]
fn the_older_way_says_the_same() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("ledger.c").option("--push").option(&server.url("/ingest"));
    let launch = launch.option("--label").option("team=a,b}c").env("OTEL_SERVICE_NAME", "my service");
    let ended = launch.go().well();
    let [received] = &server.received()[..] else { panic!("one request: {}", ended.stderr) };
    let kept = of_ingest(received);
    assert_eq!((kept.label("service_name"), kept.label("team")), ("my_service", "a_b_c"));
    assert_eq!((kept.label("process_executable_name"), kept.label("host_name")), ("ledger", &*host()));
    let file = room.profile("out.prof");
    for index in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"] {
        assert_eq!(kept.under("", index), file.total(index), "{index}");
    }
}

#[test]
fn each_process_of_a_script_is_pushed_when_it_ends() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run_path("/bin/sh").options(["-r", "1", "--push", &server.url("")]);
    let script = "for i in 1 2 3 4 5 6 7 8; do sed -n 1p /etc/passwd; grep -c x /etc/passwd; done | sort";
    let ended = launch.args(["-c", script]).go().well();
    let kept = calls(&server);
    let mut by_name: BTreeMap<&str, i64> = BTreeMap::new();
    for one in &kept {
        assert_eq!(one.label("service_name"), "sh", "that of the program");
        *by_name.entry(one.label("process_executable_name")).or_default() += 1;
    }
    assert_eq!((by_name["sed"], by_name["grep"], by_name["sort"]), (8, 8, 1), "{}", ended.stderr);
    let files = room.profiles("heaptrace.");
    let written = |index| files.iter().map(|file| file.total(index)).sum::<i64>();
    for index in ALLOCATED {
        assert_eq!(sum(&kept, "", index), written(index), "no two are taken for one");
    }
}

#[test]
fn forked_children_are_pushed_and_who_is_killed_too() {
    let (room, server) = (Room::new(), Server::start());
    let launch = room.run("obeys.c").option("--push").option(&server.url(""));
    let mut program = with_input(launch).spawn();
    assert_eq!(program.ask("keep 10 100"), "done");
    let child: u32 = program.ask("fork").parse().unwrap();
    signal_process(child, libc::SIGKILL);
    wait_until("the child's profile has come", || !server.received().is_empty());
    signal_process(program.program(), libc::SIGKILL);
    assert_eq!(program.wait().status(), 128 + libc::SIGKILL);
    let [child, parent] = &calls(&server)[..] else { panic!("two profiles") };
    let values = |kept: &Kept| ["alloc_space", "inuse_space"].map(|index| kept.under("keep", index));
    assert_eq!(values(child), [770, 1770], "its own, and what it has of its parent");
    assert_eq!(values(parent), [1000, 1000]);
}
