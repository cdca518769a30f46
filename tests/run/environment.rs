//! What cannot be profiled is said in one line; what is merely unusual is profiled.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::wanted::{has, is_root, wanted};
use crate::support::{Ended, HEAPTRACE, Launch, Room, program, wait_until};

/// Compiles a program that is not like the others; `None` if this machine cannot.
pub fn compiled(room: &Room, compiler: &str, flags: &[&str]) -> Option<PathBuf> {
    let source = room.path("hello.c");
    fs::write(&source, "#include <stdio.h>\n#include <stdlib.h>\nint main(void){free(malloc(100));puts(\"hello\");return 6;}\n").unwrap();
    let path = room.path("hello");
    let output = Command::new(compiler).args(flags).arg(&source).arg("-o").arg(&path).output().ok()?;
    output.status.success().then_some(path)
}

/// It ran as bare, and one line says why it was not profiled.
#[track_caller]
pub fn assert_explained(ended: &Ended, why: &str) {
    assert_eq!((ended.status(), ended.text().as_str()), (6, "hello\n"), "{ended:?}");
    let lines = ended.said();
    let explaining: Vec<_> = lines.iter().filter(|line| line.contains("could not be profiled")).collect();
    assert_eq!(explaining.len(), 1, "{lines:?}");
    assert!(explaining[0].contains(why), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("allocator of its own")),
        "one reason is enough: {lines:?}"
    );
}

/// Heaptrace itself failed, and says so in one line.
#[track_caller]
fn assert_refused(ended: &Ended, status: i32, why: &str) {
    assert_eq!(ended.status(), status, "{ended:?}");
    let lines = ended.said();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(why), "{lines:?}");
    assert!(ended.stdout.is_empty());
}

#[test]
fn a_static_program_is_explained() {
    let room = Room::new();
    let path = compiled(&room, "gcc", &["-static"]).unwrap();
    assert_explained(&room.run_path(path).go(), "statically linked");
    room.profile("out.prof");
}

#[test]
fn a_static_pie_is_explained() {
    let room = Room::new();
    let path = compiled(&room, "gcc", &["-static-pie"]).unwrap();
    assert_explained(&room.run_path(path).go(), "statically linked");
}

#[test]
fn a_32_bit_program_is_explained() {
    let room = Room::new();
    if let Some(path) = compiled(&room, "gcc", &["-m32"]).filter(|path| Command::new(path).output().is_ok()) {
        assert_explained(&room.run_path(path).go(), "64-bit");
    }
}

#[test]
fn a_32_bit_child_of_a_profiled_program_prints_what_it_prints_bare() {
    let room = Room::new();
    let (source, path) = (room.path("narrow.c"), room.path("narrow"));
    let code = "static int call(int n, int a, const char *b, int c) { int r; __asm__ volatile(\"int $0x80\" : \"=a\"(r) : \"a\"(n), \"b\"(a), \"c\"(b), \"d\"(c) : \"memory\"); return r; }\n\
                void _start(void) { call(4, 2, \"narrow\\n\", 7); call(1, 5, 0, 0); }\n";
    fs::write(&source, code).unwrap();
    let flags = [
        "-m32",
        "-nostdlib",
        "-fPIE",
        "-pie",
        "-fno-stack-protector",
        "-Wl,--dynamic-linker=/lib/ld-linux.so.2",
    ];
    assert!(Command::new("gcc").args(flags).arg("-o").args([&path, &source]).status().unwrap().success());
    let script = format!("env | grep ^LD_PRELOAD; '{0}'; echo $?; '{0}'; true", path.display());
    for launch in [room.run_path("/bin/sh"), room.stat_path("/bin/sh")] {
        let ended = launch.args(["-c", &script]).go();
        let others: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with("heaptrace: ")).collect();
        assert_eq!(others, ["narrow"; 2], "{ended:?}");
        assert!(ended.text().contains("$PLATFORM") && ended.text().ends_with("\n5\n"), "{ended:?}");
    }
}

#[test]
fn a_setuid_program_is_explained() {
    let room = Room::new();
    let path = compiled(&room, "gcc", &[]).unwrap();
    if !is_root() {
        return;
    }
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(room.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    assert_explained(&room.run_path(path).go(), "setuid");
}

#[test]
fn a_program_with_its_own_malloc_is_explained() {
    let room = Room::new();
    let ended = room.run("own_malloc.c").go().well();
    assert!(ended.said().iter().any(|line| line.contains("allocator of its own")), "{ended:?}");
    room.profile("out.prof");
}

#[test]
fn a_program_that_is_not_there_or_cannot_be_executed_has_the_statuses_of_a_shell() {
    let room = Room::new();
    fs::write(room.path("text"), "no program\n").unwrap();
    assert_refused(&room.run_path("/nonexistent/program").go(), 127, "/nonexistent/program");
    assert_refused(&room.run_path("no-such-program-anywhere").go(), 127, "no-such-program-anywhere");
    assert_refused(&room.run_path("./text").go(), 126, "./text");
    assert_refused(&room.run_path("./").go(), 126, "./");
    assert!(!room.path("out.prof").exists());
}

#[test]
fn bad_options_are_refused_in_one_line() {
    let room = Room::new();
    for (option, value) in [
        ("-r", "0"),
        ("-r", "-5"),
        ("-r", "many"),
        ("-r", "1.5MiB"),
        ("-r", "99999999999999999999"),
        ("-o", "%q.prof"),
        ("--children", "some"),
        ("--seed", "x"),
    ] {
        let ended = room.run("ends.c").options([option, value]).go();
        assert_eq!(ended.status(), 125, "{option} {value}: {ended:?}");
        assert_eq!(ended.said().len(), 1, "{ended:?}");
        assert!(ended.stdout.is_empty());
    }
    let bare = Command::new(HEAPTRACE).arg("run").output().unwrap();
    assert_eq!(bare.status.code(), Some(125));
}

#[test]
fn rates_have_units() {
    for (text, rate) in [("4096", 4096), ("512KiB", 512 << 10), ("2MiB", 2 << 20), ("1", 1)] {
        let room = Room::new();
        room.run("ends.c").rate(text).go().well();
        assert_eq!(room.profile("out.prof").proto.period, rate);
    }
}

/// Does the kernel tell of processes that do not announce themselves? In the initial namespaces, to root,
/// and from Linux 6.6 on to anybody.
fn kernel_tells() -> bool {
    let initial = [("pid", "pid:[4026531836]"), ("user", "user:[4026531837]")];
    let is_initial = |&(kind, name): &(&str, &str)| {
        fs::read_link(format!("/proc/self/ns/{kind}")).is_ok_and(|link| link.as_os_str() == name)
    };
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut version = release.split(['.', '-']).map(|number| number.parse().unwrap_or(0));
    let is_new = (version.next(), version.next()) >= (Some(6), Some(6));
    // SAFETY: takes nothing.
    let tells = initial.iter().all(is_initial) && (is_new || unsafe { libc::geteuid() } == 0);
    wanted("to hear of processes from the kernel", tells)
}

/// The lines about what could not be profiled.
fn missed(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| line.contains("could not be profiled")).collect()
}

/// The profile of the image before is not given out as the program's.
#[test]
fn a_program_that_ends_as_one_without_the_library_is_named() {
    // It is there for long enough to be looked at.
    let last = "exec sleep 0.4";
    let unsets = format!("unset LD_PRELOAD; {last}");
    for (path, arguments) in
        [("/usr/bin/env", &["-i", "/bin/sh", "-c", last][..]), ("/bin/sh", &["-c", &unsets])]
    {
        let room = Room::new();
        let ended = room.run_path(path).args(arguments).go();
        assert_eq!(ended.status(), 0, "{ended:?}");
        let profile = room.profile("out.prof");
        if !kernel_tells() {
            continue;
        }
        assert_eq!(profile.total("alloc_objects"), 0, "of {path}?");
        let missed = missed(&ended);
        assert_eq!(missed.len(), 1, "{ended:?}");
        assert!(
            missed[0].starts_with("heaptrace: sleep (pid ") && missed[0].contains("LD_PRELOAD"),
            "{missed:?}"
        );
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(room.profiles(&format!("out.{name}.")).len(), 1, "{:?}", room.files());
    }
}

#[test]
fn what_a_program_starts_and_cannot_be_profiled_is_named_with_the_reason() {
    let room = Room::new();
    let lingers = program("lingers.c");
    let own = program("own_malloc.c");
    let line = format!("'{0}' & '{0}'; wait; '{1}'; exit 0", lingers.display(), own.display());
    let ended = room.run_path("/bin/sh").args(["-c", &line]).go().well();
    if kernel_tells() {
        let missed = missed(&ended);
        assert_eq!(missed.len(), 2, "{ended:?}");
        let of = |name: &str, why: &str| missed.iter().any(|line| line.contains(name) && line.contains(why));
        assert!(of("2 processes of lingers", "statically linked"), "{missed:?}");
        assert!(of("own_malloc (pid ", "allocator of its own"), "{missed:?}");
    }
    let launch = room.run_path("/bin/sh").option("--children").option("none");
    let ended = launch.args(["-c", &line]).go().well();
    assert_eq!(missed(&ended), [""; 0], "nobody asked for them");
}

#[test]
fn heaptrace_itself_works_with_an_empty_environment() {
    let room = Room::new();
    let ended = room.run("ends.c").with(|command| {
        command.env_clear();
    });
    let ended = ended.go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn a_program_that_has_little_memory_or_may_write_little_is_unharmed_and_told_why() {
    let limits = [(libc::RLIMIT_AS, 8 << 20), (libc::RLIMIT_DATA, 1 << 20), (libc::RLIMIT_FSIZE, 100 << 10)];
    for (limit, bytes) in limits {
        let room = Room::new();
        let ended = room
            .run("limited.c")
            .args([limit.to_string(), bytes.to_string(), program("ends.c").to_str().unwrap().to_owned()])
            .go();
        assert_eq!(ended.status(), 7, "{ended:?}");
        assert!(ended.stderr.contains("ulimit"), "limit {limit}: {ended:?}");
    }
}

#[test]
fn a_program_that_ends_as_one_that_cannot_be_recorded_is_told_why() {
    let line = format!("ulimit -v 8192; exec '{}' return 7", program("ends.c").display());
    let run: fn(&Room) -> Launch = |room| room.run_path("/bin/sh");
    let manual: fn(&Room) -> Launch = |room| room.manual_path("/bin/sh");
    for (launch, name) in [(run, "ends (pid "), (manual, "this program")] {
        let room = Room::new();
        let ended = launch(&room).args(["-c", &line]).go();
        assert_eq!(ended.status(), 7, "{ended:?}");
        let missed = missed(&ended);
        assert!(missed.len() == 1 && missed[0].contains(name) && missed[0].contains("ulimit"), "{ended:?}");
        assert!(!ended.stderr.contains("malloc"), "nothing is known of that: {ended:?}");
        // The shell has its profile, and the program's is not that.
        wait_until("the shell has a profile", || room.profiles("out.sh.").len() == 1);
        let is_of_run = room.path("out.prof").exists();
        assert!(!is_of_run || room.profile("out.prof").total("alloc_objects") == 0);
        assert_eq!(is_of_run, name != "this program", "{:?}", room.files());
    }
}

#[test]
fn a_program_without_descriptors_is_unharmed() {
    let room = Room::new();
    let arguments =
        [libc::RLIMIT_NOFILE.to_string(), "3".to_owned(), program("ends.c").to_str().unwrap().to_owned()];
    let bare = room.bare("limited.c").args(&arguments).go();
    let ended = room.run("limited.c").args(&arguments).go();
    assert_eq!((ended.status(), &ended.stdout), (bare.status(), &bare.stdout), "{ended:?}");
}

/// The library makes no system call in there but futex, mmap, munmap, madvise and rt_sigprocmask.
#[test]
fn a_program_under_a_strict_seccomp_filter_runs_on_and_is_profiled() {
    let room = Room::new();
    let ended = room.run("seccomp.c").go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
    room.run("seccomp.c").rate("512KiB").go().well();
    assert!(room.profile("out.prof").under("in_jail", "alloc_objects") > 0);
}

#[test]
fn a_forked_child_under_a_strict_seccomp_filter_runs_on_and_is_profiled() {
    for how in ["fork", "clone"] {
        let room = Room::new();
        let ended = room.run("seccomp.c").args([how]).go().well();
        let children = room.profiles("out.seccomp.");
        assert_eq!(children.len(), 1, "{how}: {:?}", room.files());
        ended.ledger().assert_equals(&children[0]);
        assert!(children[0].comment("pid").parse::<u32>().unwrap() > 1, "{how}");
        room.run("seccomp.c").rate("512KiB").args([how]).go().well();
    }
}

#[test]
fn a_program_that_the_dynamic_linker_is_told_to_run_has_its_own_names() {
    let room = Room::new();
    let launch = room.run_path("/lib64/ld-linux-x86-64.so.2");
    let ended = launch.args([program("ends.c").to_str().unwrap(), "return", "7"]).go();
    assert_eq!(ended.status(), 7, "{ended:?}");
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn a_program_in_a_root_of_its_own_is_profiled_with_names() {
    let room = Room::new();
    if !is_root() {
        return;
    }
    let ended = room.run("chroots.c").go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn a_script_is_profiled_as_its_interpreter() {
    let room = Room::new();
    let script = room.path("script");
    fs::write(&script, format!("#!/bin/sh\n'{}' return 2\nexit 4\n", program("ends.c").display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = room.run_path(&script).go();
    assert_eq!(ended.status(), 4, "{ended:?}");
    assert!(room.path("out.prof").exists());
    assert_eq!(room.profiles("out.ends.").len(), 1, "{:?}", room.files());
}

#[test]
fn names_with_spaces_colons_and_percent_signs_are_no_trouble() {
    let room = Room::new();
    let path = room.path("a name: 100% (odd)");
    fs::copy(program("ends.c"), &path).unwrap();
    let ended = room.run_path(&path).go().well();
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn standard_input_is_the_programs() {
    let room = Room::new();
    fs::write(room.path("input"), "some text\n").unwrap();
    let input = fs::File::open(room.path("input")).unwrap();
    let ended = room.run_path("/bin/cat").option("-q").with(|command| {
        command.stdin(input);
    });
    let ended = ended.go().well();
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("some text\n", ""));
}

#[test]
fn the_program_sees_no_descriptor_that_it_does_not_have_bare() {
    let room = Room::new();
    let list = ["-c", "ls /proc/self/fd"];
    let bare = room.bare_path("/bin/sh").args(list).go();
    assert_eq!(room.run_path("/bin/sh").args(list).go().text(), bare.text());
    assert_eq!(room.manual_path("/bin/sh").args(list).go().text(), bare.text());
    assert!(has("ls"));
}
