//! Names in profiles of programs whose files move while they run, and which names are looked up.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{HEAPTRACE, Launch, Room, program, signal_process, wait_until};

impl Room {
    /// Builds a library in the room whose function of that name allocates.
    fn plugin(&self, library: &str, function: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/plugin.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-g", "-O1", "-fno-optimize-sibling-calls", "-shared", "-fPIC", "-Wl,--build-id"]);
        gcc.arg(format!("-DNAME={function}")).arg(source).arg("-o").arg(self.path(library));
        assert!(gcc.status().unwrap().success());
    }
}

#[test]
fn a_library_that_was_upgraded_has_the_names_of_the_one_that_ran() {
    let room = Room::new();
    room.plugin("lib.so", "before_upgrade");
    room.plugin("new.so", "after_upgrade");
    room.run("plugin_host.c").args(["load", "./lib.so", "rename", "new.so", "lib.so"]).go().well();
    let profile = room.profile("out.prof");
    assert_eq!(profile.under("before_upgrade", "alloc_objects"), 1);
    assert_eq!(profile.under("after_upgrade", "alloc_objects"), 0);
}

#[test]
fn a_library_and_a_program_that_were_deleted_have_names() {
    let room = Room::new();
    room.plugin("lib.so", "from_deleted");
    fs::copy(program("plugin_host.c"), room.path("host")).unwrap();
    let arguments = ["load", "./lib.so", "delete", "lib.so", "delete", "host"];
    room.run_path(room.path("host")).args(arguments).go().well();
    let profile = room.profile("out.prof");
    assert!(!room.path("host").exists());
    let [stack] = profile.stacks_with("from_deleted")[..] else { panic!("not one stack") };
    assert_eq!(stack[..3], ["from_deleted", "allocate", "main"]);
}

#[test]
fn libraries_loaded_at_the_same_address_have_their_own_names() {
    let room = Room::new();
    room.plugin("one.so", "from_one");
    room.plugin("two.so", "from_two");
    let ended =
        room.run("plugin_host.c").args(["load", "./one.so", "unload", "load", "./two.so"]).go().well();
    let addresses = ended.text();
    let [one, two] = addresses.lines().collect::<Vec<_>>()[..] else { panic!("{addresses}") };
    assert_eq!(one, two, "the loader did not use the address again");
    let profile = room.profile("out.prof");
    assert_eq!(["from_one", "from_two"].map(|name| profile.under(name, "alloc_objects")), [1, 1]);
}

/// Builds a library that others see at the same path in another mount namespace, and runs the host
/// there with these arguments; `None` if we may not.
fn in_another_mount_namespace(room: &Room, arguments: &str) -> Option<Launch> {
    room.plugin("lib.so", "seen_outside");
    room.plugin("inside.so", "seen_inside");
    let unshare = ["--user", "--map-root-user", "--mount"];
    if !Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success()) {
        println!("skipped: this test needs namespaces of its own");
        return None;
    }
    let host = program("plugin_host.c");
    let script = format!("mount --bind inside.so lib.so && exec {} {arguments}", host.display());
    Some(room.run_path("unshare").args(unshare).args(["sh", "-c", &script]))
}

#[track_caller]
fn assert_only_inside(room: &Room) {
    let names =
        |name| room.profiles("out").iter().map(|profile| profile.under(name, "alloc_objects")).sum::<i64>();
    assert_eq!(["seen_inside", "seen_outside"].map(names), [1, 0]);
}

#[test]
fn a_program_in_another_mount_namespace_has_the_names_of_the_files_it_sees() {
    let room = Room::new();
    let Some(launch) = in_another_mount_namespace(&room, "load ./lib.so delete none") else { return };
    launch.go().well();
    assert_only_inside(&room);
}

/// The program has ended, and its namespace with it, before the collector learns of the library.
#[test]
fn a_program_that_took_its_mount_namespace_along_has_names() {
    let room = Room::new();
    let arguments = format!("wait go load {}", room.path("lib.so").display());
    let Some(launch) = in_another_mount_namespace(&room, &arguments) else { return };
    let mut running = launch.spawn();
    assert_eq!(running.read_line(), "ready");
    let (program, collector) = (running.program(), running.collector());
    let segment = *segments(program).first().unwrap();
    wait_until("the collector has met the program", || segments(collector).contains(&segment));
    signal_process(collector, libc::SIGSTOP);
    fs::write(room.path("go"), "").unwrap();
    wait_until("the program has ended", || !Path::new(&format!("/proc/{program}")).exists());
    signal_process(collector, libc::SIGCONT);
    running.wait().well();
    assert_only_inside(&room);
}

/// The inodes of the shared memory that a process has mapped.
fn segments(pid: u32) -> Vec<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let segments = maps.lines().filter(|line| line.contains("/memfd:heaptrace"));
    segments.map(|line| line.split_whitespace().nth(4).unwrap().parse().unwrap()).collect()
}

#[test]
fn frames_in_the_kernels_library_have_names() {
    let room = Room::new();
    room.run("vdso.c").go().well();
    let profile = room.profile("out.prof");
    assert!(profile.stacks_with("in_handler").iter().any(|stack| stack.contains(&"main".to_owned())));
    let names = profile.names_in("[vdso]");
    assert!(names.contains("clock_gettime"), "{names:?}");
}

#[test]
fn names_are_looked_up_as_far_as_asked_and_can_be_filled_in_later() {
    let room = Room::new();
    room.plugin("lib.so", "from_library");
    let run = |mode: &str| {
        let launch = room.run("plugin_host.c").option(&format!("--symbolize={mode}"));
        launch.args(["load", "./lib.so"]).go().well();
        room.profile("out.prof")
    };
    let full = run("full");
    assert!(!full.stacks_with("main").is_empty());
    assert!(full.proto.location.iter().any(|location| location.line.iter().any(|line| line.line > 0)));
    let symbols = run("symbols");
    assert!(!symbols.stacks_with("main").is_empty());
    assert!(symbols.proto.location.iter().all(|location| location.line.iter().all(|line| line.line == 0)));
    let none = run("none");
    assert!(none.proto.function.is_empty());

    let mut symbolize = Command::new(HEAPTRACE);
    symbolize.arg("symbolize").arg(room.path("out.prof")).arg("-o").arg(room.path("named.prof"));
    let output = symbolize.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let named = room.profile("named.prof");
    let stacks = |profile: &support::Profile| -> Vec<_> {
        let mut stacks: Vec<_> =
            profile.samples.iter().map(|sample| (sample.stack.clone(), sample.values)).collect();
        stacks.sort();
        stacks
    };
    assert_eq!(stacks(&named), stacks(&full));
}

#[test]
fn manual_mode_looks_names_up_as_far_as_asked() {
    let room = Room::new();
    room.plugin("lib.so", "from_library");
    room.manual("plugin_host.c").args(["load", "./lib.so"]).env("HEAPTRACE_SYMBOLIZE", "none").go().well();
    let profile = room.awaited_profile("out.prof");
    assert!(!profile.samples.is_empty() && profile.proto.function.is_empty());
}

#[test]
fn a_symbolize_option_that_is_none_is_refused_in_one_line() {
    let room = Room::new();
    let ended = room.run("plugin_host.c").option("--symbolize=some").go();
    assert_eq!(ended.status(), 125);
    assert!(ended.said()[0].contains("use none, symbols or full"), "{ended:?}");
}
