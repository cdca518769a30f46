//! Names in profiles of programs whose files move while they run, and which names are looked up.

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use support::wanted::wanted;
use support::{HEAPTRACE, Launch, Room, print_of, program, signal_process, wait_until};

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
    let may = Command::new("unshare").args(unshare).arg("true").status().is_ok_and(|status| status.success());
    if !wanted("namespaces of its own", may) {
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

/// A profile without names of a program that is no longer where it ran, and the program's files.
struct Elsewhere {
    room: Room,
}

impl Elsewhere {
    /// Profiles a program whose function `build` allocates, and takes it away. `build_id` is the
    /// linker's option.
    fn new(build_id: &str) -> Elsewhere {
        let elsewhere = Elsewhere { room: Room::new() };
        elsewhere.build("program", build_id, "from_build");
        let room = &elsewhere.room;
        fs::create_dir(room.path("away")).unwrap();
        room.run_path(room.path("program")).option("--symbolize=none").args(["1"]).go().well();
        fs::rename(room.path("program"), room.path("away/program")).unwrap();
        elsewhere
    }

    fn build(&self, name: &str, build_id: &str, function: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/elsewhere.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-g", "-O1", &format!("-Wl,--build-id={build_id}"), &format!("-DNAME={function}")]);
        assert!(gcc.arg(source).arg("-o").arg(self.room.path(name)).status().unwrap().success());
    }

    fn tool(&self, tool: &str, arguments: &[&str]) {
        let mut tool = Command::new(tool);
        assert!(tool.args(arguments).current_dir(self.room.path("away")).status().unwrap().success());
    }

    /// Looks names up with these arguments. Returns whether there are any, and what was said.
    #[track_caller]
    fn symbolize(&self, arguments: &[&str], pprof: Option<&str>) -> (bool, String) {
        let mut symbolize = Command::new(HEAPTRACE);
        symbolize.args(["symbolize", "../out.prof", "-o", "../named.prof"]).args(arguments);
        symbolize.current_dir(self.room.path("away")).env_remove("DEBUGINFOD_URLS");
        symbolize.env("PPROF_BINARY_PATH", pprof.unwrap_or("/nowhere"));
        let output = symbolize.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let named = self.room.profile("named.prof");
        let is_named = named.stacks_with("main").iter().any(|stack| stack[0] == "from_build");
        let lines =
            named.proto.location.iter().any(|location| location.line.iter().any(|line| line.line > 0));
        // Of libraries that are here there may be lines in any case.
        assert!(lines || !is_named, "{said}");
        (is_named, said)
    }

    #[track_caller]
    fn assert_named(&self, folder: &str) {
        let program = self.room.path("program").display().to_string();
        for (arguments, pprof) in [(&["--debug-dir", folder][..], None), (&[], Some(folder))] {
            let (is_named, said) = self.symbolize(arguments, pprof);
            assert!(is_named && said.contains(&format!("{program}: found at {folder}/")), "{folder}: {said}");
        }
    }
}

const BUILD_ID: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn names_are_found_where_the_program_never_was() {
    let elsewhere = Elsewhere::new(&format!("0x{BUILD_ID}"));
    let program = elsewhere.room.path("program").display().to_string();
    let (is_named, said) = elsewhere.symbolize(&[], None);
    let advice = format!(
        "{program}: not found; --debug-dir names a folder that has it or its debug file, build id {BUILD_ID}"
    );
    assert!(!is_named && said.contains(&advice), "{said}");

    // By its name, by its path, by its build id as in debuginfod's cache and pprof's folders.
    elsewhere.tool("install", &["-D", "program", "plain/program"]);
    elsewhere.tool("install", &["-D", "program", &format!("root{program}")]);
    elsewhere.tool("install", &["-D", "program", &format!("cache/{BUILD_ID}/executable")]);
    elsewhere.tool("install", &["-D", "program", &format!("pprof/{BUILD_ID}/any.name")]);
    elsewhere.tool("install", &["-D", "program", &format!("ids/.build-id/01/{}", &BUILD_ID[2..])]);
    // The debug file alone, without the program.
    elsewhere.tool("objcopy", &["--only-keep-debug", "program", "debug"]);
    elsewhere.tool("install", &["-D", "debug", &format!("debug-ids/.build-id/01/{}.debug", &BUILD_ID[2..])]);
    elsewhere.tool("install", &["-D", "debug", &format!("debug-cache/{BUILD_ID}/debuginfo")]);
    elsewhere.tool(
        "install",
        &["-D", "debug", &format!("sysroot/usr/lib/debug/.build-id/01/{}.debug", &BUILD_ID[2..])],
    );
    elsewhere.tool("install", &["-D", "debug", "debug-plain/program.debug"]);
    for folder in
        ["plain", "root", "cache", "pprof", "ids", "debug-ids", "debug-cache", "sysroot", "debug-plain"]
    {
        elsewhere.assert_named(folder);
    }
}

#[test]
fn another_build_of_a_program_gives_no_names_and_is_told() {
    let elsewhere = Elsewhere::new(&format!("0x{BUILD_ID}"));
    let program = elsewhere.room.path("program").display().to_string();
    let other = BUILD_ID.replace('0', "f");
    elsewhere.build("program", &format!("0x{other}"), "from_other");
    let (is_named, said) = elsewhere.symbolize(&[], None);
    let line = format!("{program}: not found; {program} has another build id, {other} instead of {BUILD_ID}");
    assert!(!is_named && said.contains(&line), "{said}");

    elsewhere.build("program", "none", "from_other");
    let (is_named, said) = elsewhere.symbolize(&[], None);
    assert!(!is_named && said.contains(&format!("it has no build id, not {BUILD_ID}")), "{said}");
    // The right one elsewhere is taken all the same.
    elsewhere.tool("install", &["-D", "program", "plain/program"]);
    elsewhere.assert_named("plain");
}

#[test]
fn a_program_without_build_id_is_found_by_its_name() {
    let elsewhere = Elsewhere::new("none");
    elsewhere.tool("install", &["-D", "program", "plain/program"]);
    elsewhere.assert_named("plain");
    let (is_named, said) = elsewhere.symbolize(&["--debug-dir", "nothing"], None);
    assert!(
        !is_named && said.contains("program: not found; --debug-dir names a folder that has it\n"),
        "{said}"
    );
}

/// Only debug information knows of the inlined function. It is wiped out behind heaptrace's back: what
/// still knows of it has kept it.
#[test]
fn names_that_debug_information_gave_are_kept_for_the_next_run() {
    let room = Room::new();
    let source = "#include <stdlib.h>\nvoid *volatile kept;\n\
                  static inline __attribute__((always_inline)) void inlined(void) { kept = malloc(100); }\n\
                  int main(void) { inlined(); return 0; }\n";
    fs::write(room.path("program.c"), source).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-g", "-O1", "-Wl,--build-id", "-o", "program", "program.c"]).current_dir(room.path(""));
    assert!(gcc.status().unwrap().success());
    let run = |option: &str| {
        let launch = room.run_path("./program").option(option).env("XDG_CACHE_HOME", room.path("cache"));
        launch.go().well();
        room.profile("out.prof").under("inlined", "alloc_objects")
    };
    let kept = || {
        let entries = fs::read_dir(room.path("cache/heaptrace/kept")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().as_encoded_bytes().ends_with(b".names")).count()
    };
    assert_eq!((run("--no-cache"), kept()), (1, 0));
    assert_eq!(run("-q"), 1);
    wait_until("names are kept", || kept() > 0);

    let modified = fs::metadata(room.path("program")).unwrap().modified().unwrap();
    let sections = print_of("readelf", &["-SW".as_ref(), room.path("program").as_os_str()]);
    let line = sections.lines().find(|line| line.contains(".debug_info")).unwrap();
    let numbers: Vec<_> = line.rsplit("PROGBITS").next().unwrap().split_whitespace().collect();
    let [offset, size] = [1, 2].map(|i| u64::from_str_radix(numbers[i], 16).unwrap());
    let file = fs::OpenOptions::new().write(true).open(room.path("program")).unwrap();
    file.write_all_at(&vec![0; size as usize], offset).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    assert_eq!(run("-q"), 1);
    assert_eq!(run("--no-cache"), 0);
}
