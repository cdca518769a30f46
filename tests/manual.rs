//! Manual mode: `LD_PRELOAD=libheaptrace.so PROGRAM` and nothing else. The library starts the collector.

use std::fs;
use std::process::Command;

use support::{Ended, HEAPTRACE, Launch, Room, Running, library, program, signal_process, wait_until};

mod support;

#[test]
fn the_profile_is_there_when_the_program_has_exited() {
    let room = Room::new();
    for way in ["return", "exit"] {
        let ended = room.manual("ends.c").args([way, "3"]).go();
        assert_eq!((ended.status(), ended.stderr.as_str()), (3, "an error\n"));
        let profile = room.profile("out.prof");
        ended.ledger().assert_equals(&profile);
        profile.assert_complete();
        room.assert_private("out.prof");
        fs::remove_file(room.path("out.prof")).unwrap();
    }
}

#[test]
fn output_and_status_are_those_of_the_bare_program() {
    let room = Room::new();
    for arguments in [["return", "0"], ["exit", "255"], ["_exit", "9"], ["signal", "9"], ["signal", "11"]] {
        let bare = room.bare("ends.c").args(arguments).go();
        let manual = room.manual("ends.c").args(arguments).go();
        assert_eq!(
            (manual.status(), &manual.stdout, &manual.stderr),
            (bare.status(), &bare.stdout, &bare.stderr)
        );
    }
}

#[test]
fn a_program_that_does_not_exit_normally_has_its_profile_soon() {
    for arguments in [["_exit", "3"], ["signal", "9"], ["signal", "6"], ["crash", ""]] {
        let room = Room::new();
        let ended = room.manual("ends.c").args(arguments).go();
        ended.ledger().assert_equals(&room.awaited_profile("out.prof"));
    }
}

#[test]
fn one_collector_serves_the_whole_tree() {
    for way in ["vfork", "fork", "spawn", "system"] {
        let room = Room::new();
        let ended = room.manual("starts.c").args([program("ends.c").as_os_str(), way.as_ref()]).go();
        assert_eq!(ended.status(), 7, "{way}: {ended:?}");
        assert_eq!(room.profile("out.prof").under("allocate_first", "inuse_space"), 5000, "{way}");
        // A second collector would take its program for the first, and name its profile out.prof.
        wait_until("the child has its profile", || !room.profiles("out.ends.").is_empty());
        ended.ledger().assert_equals(&room.profiles("out.ends.")[0]);
    }
}

/// Has the library start a collector that can be counted.
fn counted(launch: Launch) -> Launch {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/support/counted-collector");
    launch.env("HEAPTRACE_COLLECTOR", script).env("HEAPTRACE_UNCOUNTED", HEAPTRACE)
}

/// The process ids of the [`counted`] collectors that were started.
fn collectors(room: &Room) -> Vec<u32> {
    let lines = fs::read_to_string(room.path("collectors")).unwrap_or_default();
    lines.lines().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn one_collector_serves_a_tree_whose_environment_does_not_tell_of_it() {
    for environment in ["envp", "own"] {
        let room = Room::new();
        let ended = counted(room.manual("hands_on.c")).args([environment, "3"]).go().well();
        assert_eq!(ended.stderr, "", "{environment}");
        assert_eq!(collectors(&room).len(), 1, "{environment}");
        let started = room.profiles("out.hands_on.");
        assert_eq!(started.len(), 2 + 4 + 8, "{environment}: {:?}", room.files());
        for profile in [room.profile("out.prof")].iter().chain(&started) {
            assert_eq!(profile.under("allocate", "inuse_objects"), 1000, "{environment}");
            profile.assert_complete();
        }
    }
}

#[test]
fn one_collector_serves_make_and_all_it_starts() {
    let room = Room::new();
    let goals: Vec<_> = (0..6).map(|n| format!("goal{n}")).collect();
    let goals = goals.join(" ");
    let rules = format!("all: {goals}\n{goals}:\n\t@'{}'\n", program("ends.c").display());
    fs::write(room.path("Makefile"), rules).unwrap();
    counted(room.manual_path("/usr/bin/make")).args(["-j2"]).go().well();
    assert_eq!(collectors(&room).len(), 1);
    assert_eq!(room.profile("out.prof").comment("command"), "/usr/bin/make -j2");
    let started = room.profiles("out.ends.");
    assert_eq!(started.len(), 6, "{:?}", room.files());
    started.iter().for_each(|profile| assert_eq!(profile.under("allocate", "alloc_objects"), 1000));
}

#[test]
fn a_program_that_executes_another_without_the_session_stays_in_it() {
    let room = Room::new();
    counted(room.manual("hands_on.c")).args(["envp", "exec"]).go().well();
    assert_eq!(collectors(&room).len(), 1);
    assert_eq!(room.profile("out.prof").under("allocate_last", "inuse_space"), 77);
    wait_until("the first image has its profile", || room.profiles("out.hands_on.").len() == 1);
}

#[test]
fn without_children_what_does_not_know_the_session_is_not_profiled_either() {
    let room = Room::new();
    let launch = counted(room.manual("hands_on.c")).env("HEAPTRACE_CHILDREN", "none");
    launch.args(["envp", "2"]).go().well();
    assert_eq!(collectors(&room).len(), 1);
    assert_eq!(room.files(), ["collectors", "out.prof"]);
}

/// As in a service that was started with the environment of a session that is over.
#[test]
fn a_session_that_is_over_is_as_good_as_none() {
    let over = format!("heaptrace-1-1:{}:1:wait", "0123456789abcdef".repeat(2));
    let room = Room::new();
    let launch = counted(room.manual_path("/usr/bin/env")).env("HEAPTRACE_SESSION", &over);
    let ended = launch.args([program("ends.c")]).go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
    assert_eq!(collectors(&room).len(), 1);

    let ended = counted(room.manual_path("/usr/bin/env")).env("HEAPTRACE_SESSION", &over).go().well();
    let text = ended.text();
    let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("HEAPTRACE_SESSION=")).collect();
    assert_eq!(told.len(), 1, "the program knows one session: {told:?}");
    assert_ne!(told[0], over);
}

#[test]
fn the_last_image_of_the_program_gets_the_plain_name() {
    let room = Room::new();
    let ended = room.manual("starts.c").args([program("ends.c").as_os_str(), "exec".as_ref()]).go();
    assert_eq!(ended.status(), 7, "{ended:?}");
    ended.ledger().assert_equals(&room.profile("out.prof"));
    // Nobody waits for the image that was left.
    wait_until("the first image has its profile", || room.profiles("out.starts.").len() == 1);
}

#[test]
fn forked_children_have_profiles_and_none_if_none_are_wanted() {
    let room = Room::new();
    room.manual("forks.c").go().well();
    wait_until("all have profiles", || {
        room.files().iter().filter(|name| name.ends_with(".prof")).count() == 3
    });
    let room = Room::new();
    room.manual("forks.c").env("HEAPTRACE_CHILDREN", "none").go().well();
    assert!(room.path("out.prof").exists());
    assert!(room.profiles("out.forks.").is_empty(), "{:?}", room.files());
}

#[test]
fn a_program_that_waits_for_all_its_children_sees_only_its_own() {
    let room = Room::new();
    let ended = room.manual("waits.c").go().well();
    assert_eq!(ended.text(), "waited for 1\nno SIGCHLD before\n");
}

#[test]
fn a_daemon_has_its_profile_when_it_ends() {
    let room = Room::new();
    room.manual("daemon.c").go().well();
    fs::write(room.path("stop"), "").unwrap();
    wait_until("the daemon has its profile", || !room.profiles("out.daemon.").is_empty());
    assert_eq!(room.profiles("out.daemon.")[0].under("in_daemon", "inuse_objects"), 600);
}

/// Also while a daemon of the tree keeps the collector alive.
#[test]
fn a_pipe_from_the_program_ends_when_the_program_ends() {
    let room = Room::new();
    // `go` reads the pipes to their end, which the daemon closed: only the collector could hold them.
    room.manual("daemon.c").go().well();
    assert!(room.profiles("out.daemon.").is_empty(), "{:?}", room.files());
    fs::write(room.path("stop"), "").unwrap();
    wait_until("the daemon has its profile", || !room.profiles("out.daemon.").is_empty());
}

#[test]
fn a_bad_value_is_complained_about_once_and_the_default_used() {
    for (name, value) in [
        ("HEAPTRACE_RATE", "0"),
        ("HEAPTRACE_RATE", "many"),
        ("HEAPTRACE_SEED", "x"),
        ("HEAPTRACE_OUT", "%q.prof"),
        ("HEAPTRACE_CHILDREN", "some"),
        ("HEAPTRACE_SYMBOLIZE", "lines"),
    ] {
        let room = Room::new();
        let launch = room.manual("starts.c").env(name, value);
        let ended = launch.args([program("ends.c").as_os_str(), "fork".as_ref()]).go();
        assert_eq!(ended.status(), 7);
        let lines: Vec<_> = ended.stderr.lines().filter(|line| *line != "an error").collect();
        assert_eq!(lines.len(), 1, "{name}={value}: {ended:?}");
        assert!(lines[0].starts_with("heaptrace: ") && lines[0].contains(name), "{lines:?}");
        if name == "HEAPTRACE_RATE" {
            assert_eq!(room.awaited_profile("out.prof").proto.period, 512 << 10);
        }
    }
}

#[test]
fn without_a_collector_there_is_one_line_and_the_program_runs() {
    let room = Room::new();
    let launch =
        room.manual("starts.c").env("HEAPTRACE_COLLECTOR", "/nonexistent").env("PATH", "/nonexistent");
    let ended = launch.args([program("ends.c").as_os_str(), "fork".as_ref()]).go();
    assert_eq!(ended.status(), 7);
    let lines: Vec<_> = ended.stderr.lines().filter(|line| *line != "an error").collect();
    assert!(lines[0].starts_with("heaptrace: no heaptrace binary"), "{ended:?}");
    assert_eq!(lines.len(), 1, "{ended:?}");
    assert_eq!(room.files(), [""; 0]);
}

#[test]
fn a_place_that_cannot_be_written_to_is_said_once_however_the_program_ends() {
    let too_long = "x".repeat(256);
    for output in ["missing/out.prof", "/", "missing/%p", &too_long, "/proc/out.prof", "out.prof/x"] {
        for ending in [["return", "7"], ["_exit", "7"], ["signal", "9"]] {
            let room = Room::new();
            let ended = room.manual("ends.c").env("HEAPTRACE_OUT", output).args(ending).go();
            let bare = room.bare("ends.c").args(ending).go();
            assert_eq!((ended.status(), &ended.stdout), (bare.status(), &bare.stdout), "{output}: {ended:?}");
            let lines: Vec<_> = ended.stderr.lines().filter(|line| *line != "an error").collect();
            assert_eq!(lines.len(), 1, "{output}, {ending:?}: {ended:?}");
            assert!(lines[0].starts_with("heaptrace: cannot write the profile "), "{ended:?}");
            assert!(room.files().is_empty(), "{:?}", room.files());
        }
    }
}

#[test]
fn a_folder_that_is_gone_at_the_end_is_said_where_the_programs_errors_went_at_first() {
    let room = Room::new();
    fs::create_dir(room.path("gone")).unwrap();
    let line = "rmdir gone; exec 2>other; echo an error >&2; exit 5";
    let launch = room.manual_path("/bin/sh").env("HEAPTRACE_OUT", "gone/out.prof").args(["-c", line]);
    let errors = fs::File::create(room.path("errors")).unwrap();
    let ended = launch.with(|command| {
        command.stderr(errors);
    });
    let ended = ended.start().wait();
    assert_eq!(ended.status(), 5);
    let said = || fs::read_to_string(room.path("errors")).unwrap();
    wait_until("it is said", || said().contains("could not be written: gone/out.prof: "));
    assert_eq!(said().matches("gone/out.prof: ").count(), 1, "{}", said());
    assert_eq!(fs::read_to_string(room.path("other")).unwrap(), "an error\n");
}

#[test]
fn a_full_disk_is_said_while_the_program_waits() {
    let room = Room::new();
    std::os::unix::fs::symlink("/dev/full", room.path("full")).unwrap();
    let ended = room.manual("ends.c").env("HEAPTRACE_OUT", "full").args(["exit", "3"]).go();
    assert_eq!(ended.status(), 3);
    let said = ended.stderr.strip_prefix("an error\n").unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("could not be written: full: No space left on device"), "{said}");
}

#[test]
fn a_fifo_that_nobody_reads_holds_no_program_up() {
    let room = Room::new();
    assert!(Command::new("mkfifo").arg(room.path("fifo")).status().unwrap().success());
    let ended = room.manual("ends.c").env("HEAPTRACE_OUT", "fifo").args(["exit", "3"]).go();
    assert_eq!(ended.status(), 3);
    let said = ended.stderr.strip_prefix("an error\n").unwrap();
    assert!(said.ends_with("could not be written: fifo: nobody reads this fifo\n"), "{said}");
}

#[test]
fn a_collector_that_is_no_heaptrace_costs_the_program_one_line() {
    let room = Room::new();
    for impostor in ["/bin/true", "/etc/passwd", "/usr/bin/env"] {
        let launch = room.manual("starts.c").env("HEAPTRACE_COLLECTOR", impostor);
        let ended = launch.args([program("ends.c").as_os_str(), "fork".as_ref()]).go();
        assert_eq!(ended.status(), 7, "{ended:?}");
        let lines: Vec<_> = ended.stderr.lines().filter(|line| *line != "an error").collect();
        assert_eq!(lines.len(), 1, "{impostor}: {ended:?}");
        assert!(lines[0].starts_with("heaptrace: ") && lines[0].contains("HEAPTRACE_COLLECTOR"), "{ended:?}");
    }
}

/// From too few for anything to more than enough.
#[test]
fn with_few_descriptors_a_program_has_its_profile_or_one_line() {
    for limit in [3, 4, 6, 10, 20, 64, 1000, 1001] {
        let room = Room::new();
        let allow = move || {
            let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
            // SAFETY: the kernel reads the limit.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        };
        let ended = room.manual("ends.c").args(["exit", "7"]).before_exec(allow).go();
        if ended.status() == 127 {
            continue; // not even the dynamic linker can open its files
        }
        assert_eq!(ended.status(), 7, "{limit}: {ended:?}");
        let said = ended.stderr.lines().filter(|line| line.starts_with("heaptrace: ")).count();
        let profiles = room.files().len();
        assert_eq!(said, usize::from(profiles == 0), "{limit}: {ended:?}, {:?}", room.files());
        assert!(limit < 64 || profiles > 0, "{limit}: {ended:?}");
    }
}

#[test]
fn the_collector_is_found_on_path_and_beside_the_library() {
    let folder = std::path::Path::new(HEAPTRACE).parent().unwrap();
    let room = Room::new();
    let path = format!("/usr/bin:/bin:{}", folder.display());
    let ended = room.manual("ends.c").no_env("HEAPTRACE_COLLECTOR").env("PATH", path).go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
    // By the link that was made when the library was unpacked, too.
    let room = Room::new();
    let ended = room.manual("ends.c").no_env("HEAPTRACE_COLLECTOR").env("PATH", "/nonexistent").go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
    for (library_at, binary_at) in
        [("libheaptrace.so", "heaptrace"), ("lib/libheaptrace.so", "bin/heaptrace")]
    {
        let room = Room::new();
        for (from, to) in [(library(), library_at), (HEAPTRACE.into(), binary_at)] {
            let to = room.path(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        let launch = room.manual("ends.c").no_env("HEAPTRACE_COLLECTOR").env("PATH", "/nonexistent");
        let ended = launch.env("LD_PRELOAD", room.path(library_at)).go().well();
        ended.ledger().assert_equals(&room.profile("out.prof"));
    }
}

#[test]
fn a_seed_makes_the_profile_reproducible() {
    let values = |seed: &str| {
        let room = Room::new();
        room.manual("ends.c").env("HEAPTRACE_RATE", "1KiB").env("HEAPTRACE_SEED", seed).go().well();
        let profile = room.profile("out.prof");
        profile.samples.iter().map(|sample| (sample.bytes, sample.values)).collect::<Vec<_>>()
    };
    assert_eq!(values("7"), values("7"));
    assert_ne!(values("7"), values("8"));
}

#[test]
fn an_empty_environment_is_enough() {
    let room = Room::new();
    let preload = format!("LD_PRELOAD={}", library().display());
    let collector = format!("HEAPTRACE_COLLECTOR={HEAPTRACE}");
    let output = Command::new("/usr/bin/env")
        .args(["-i", &preload, &collector, "HEAPTRACE_OUT=out.prof", "HEAPTRACE_RATE=1"])
        .arg(program("ends.c"))
        .current_dir(room.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(room.profile("out.prof").under("allocate", "alloc_objects"), 1000);
}

/// Starts what says "ready" and waits for the file "go"; returns its collector too.
fn half_way(room: &Room, launch: Launch) -> (Running, u32) {
    let mut running = counted(launch).spawn();
    assert_eq!(running.read_line(), "ready");
    let name_of = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    wait_until("the collector runs", || collectors(room).first().map(name_of) == Some("heaptrace\n".into()));
    (running, collectors(room)[0])
}

fn let_go(room: &Room, running: Running) -> Ended {
    fs::write(room.path("go"), "").unwrap();
    running.wait()
}

#[test]
fn a_program_whose_collector_is_killed_is_unharmed() {
    for (rounds, blocks) in [("1", 2000), ("300", 600_000)] {
        let room = Room::new();
        let (running, collector) = half_way(&room, room.manual("phases.c").args([rounds]));
        signal_process(collector, libc::SIGKILL);
        let ended = let_go(&room, running);
        assert_eq!(ended.status(), 3, "{ended:?}");
        assert_eq!(ended.said(), ["there is no profile: the collector was ended"]);
        assert_eq!(ended.ledger().0["second_phase"][0], blocks);
        assert!(!room.path("out.prof").exists());
    }
}

#[test]
fn what_a_program_has_as_its_errors_at_its_end_is_left_alone_if_it_was_something_else() {
    let room = Room::new();
    let (running, collector) = half_way(&room, room.manual("other_errors.c"));
    signal_process(collector, libc::SIGKILL);
    let ended = let_go(&room, running);
    assert_eq!((ended.status(), ended.stderr.as_str()), (6, ""), "{ended:?}");
    assert_eq!(fs::read_to_string(room.path("data")).unwrap(), "");
}

#[test]
fn a_program_whose_collector_is_stopped_ends_and_has_its_profile_when_that_goes_on() {
    let room = Room::new();
    let (running, collector) = half_way(&room, room.manual("phases.c"));
    signal_process(collector, libc::SIGSTOP);
    let ended = let_go(&room, running);
    assert_eq!((ended.status(), ended.stderr.as_str()), (3, ""), "{ended:?}");
    assert!(!room.path("out.prof").exists(), "the program did not wait for ever");
    signal_process(collector, libc::SIGCONT);
    ended.ledger().assert_equals(&room.awaited_profile("out.prof"));
}

/// As when a service is stopped: all its processes get the signal.
#[test]
fn what_asks_the_collector_to_end_costs_no_profile() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGXFSZ] {
        let room = Room::new();
        let (running, collector) = half_way(&room, room.manual("phases.c"));
        signal_process(collector, signal);
        running.signal(signal);
        assert_eq!(running.wait().status(), 128 + signal);
        let profile = room.awaited_profile("out.prof");
        assert_eq!(profile.under("first_phase", "alloc_objects"), 2000, "{signal}");
        wait_until("the collector has ended", || !fs::exists(format!("/proc/{collector}")).unwrap());
    }
}

#[test]
fn what_a_program_starts_while_the_collector_is_stopped_is_unharmed_and_recorded() {
    let room = Room::new();
    let line = format!("echo ready; until [ -e go ]; do :; done; '{}' return 7", program("ends.c").display());
    let (running, collector) = half_way(&room, room.manual_path("/bin/sh").args(["-c", &line]));
    signal_process(collector, libc::SIGSTOP);
    let ended = let_go(&room, running);
    assert_eq!((ended.status(), ended.stderr.as_str()), (7, "an error\n"), "{ended:?}");
    signal_process(collector, libc::SIGCONT);
    wait_until("what was started has its profile", || room.profiles("out.ends.").len() == 1);
    ended.ledger().assert_equals(&room.profiles("out.ends.")[0]);
    assert_eq!(collectors(&room), [collector]);
}

/// More variables than the collector gets.
#[test]
fn a_program_with_a_large_environment_is_recorded() {
    let room = Room::new();
    let variables = (0..5000).fold(room.manual("ends.c"), |launch, n| launch.env(&format!("A{n}"), "x"));
    let ended = variables.go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn a_program_that_may_not_reach_the_collector_is_told_so_in_its_last_image() {
    let room = Room::new();
    let (error, call) = (libc::ENOSYS.to_string(), libc::SYS_sendmsg.to_string());
    let ends = program("ends.c");
    let ended =
        room.manual("denies.c").args([&error, &call, "--", ends.to_str().unwrap(), "return", "7"]).go();
    assert_eq!(ended.status(), 7, "{ended:?}");
    assert!(ended.stderr.contains("could not be profiled: the collector cannot be reached"), "{ended:?}");
}
