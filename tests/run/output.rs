//! Where the profile goes, and under which name.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Command;

use crate::support::{Launch, Profile, Room, program, wait_until};

/// `-o` under `heaptrace run`, `HEAPTRACE_OUT` in manual mode.
fn launches(room: &Room, output: &OsStr) -> [Launch; 2] {
    [
        room.run("ends.c").options([OsStr::new("-r1"), OsStr::new("-o"), output]),
        room.manual("ends.c").env("HEAPTRACE_OUT", output),
    ]
}

#[test]
fn what_is_no_regular_file_is_written_through() {
    for way in 0..2 {
        let room = Room::new();
        let launch = |output: &str| launches(&room, output.as_ref()).into_iter().nth(way).unwrap();
        symlink("/dev/null", room.path("null")).unwrap();
        launch("null").go().well();
        assert!(fs::symlink_metadata(room.path("null")).unwrap().is_symlink());
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

        fs::write(room.path("target.prof"), "the old one").unwrap();
        symlink("target.prof", room.path("link")).unwrap();
        let ended = launch("link").go().well();
        assert!(fs::symlink_metadata(room.path("link")).unwrap().is_symlink());
        ended.ledger().assert_equals(&room.profile("target.prof"));

        let made = Command::new("mkfifo").arg(room.path("fifo")).status().unwrap();
        assert!(made.success());
        let fifo = room.path("fifo");
        let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
        let ended = launch("fifo").go().well();
        fs::write(room.path("read.prof"), reader.join().unwrap()).unwrap();
        ended.ledger().assert_equals(&room.profile("read.prof"));
        assert!(fs::metadata(room.path("fifo")).unwrap().file_type().is_fifo());
        assert_eq!(room.files(), ["fifo", "link", "null", "read.prof", "target.prof"]);
    }
}

#[test]
fn the_profile_can_go_to_a_descriptor_of_the_program() {
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        for launch in launches(&Room::new(), path.as_ref()) {
            let ended = launch.args(["return", "0"]).go().well();
            assert!(ended.stdout.windows(2).any(|bytes| bytes == [0x1f, 0x8b]), "{path}: {ended:?}");
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_is_a_name() {
    for output in [b"out\xFF.prof".as_slice(), b"\xC3.%n"] {
        let room = Room::new();
        let odd = room.path("").join(OsStr::from_bytes(b"prog\xFE"));
        fs::copy(program("ends.c"), &odd).unwrap();
        let output = OsStr::from_bytes(output);
        let expected = match output.as_bytes().ends_with(b"%n") {
            true => OsStr::from_bytes(b"\xC3.prog\xFE"),
            false => output,
        };
        let run = room.run_path(&odd).options([OsStr::new("-r1"), OsStr::new("-o"), output]);
        for launch in [run, room.manual_path(&odd).env("HEAPTRACE_OUT", output)] {
            let ended = launch.go().well();
            let path = room.path("").join(expected);
            ended.ledger().assert_equals(&Profile::read(&path));
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_program_with_a_long_name_has_its_profile() {
    let room = Room::new();
    let name = "x".repeat(250);
    fs::copy(program("ends.c"), room.path(&name)).unwrap();
    for pattern in ["out.prof", "heaptrace.%n.%p.prof"] {
        let run = room.run_path("/bin/sh").options(["-r1", "-o", pattern]);
        run.args(["-c", &format!("./{name} return 4; exit 0")]).go().well();
        let is_profile = |file: &String| file.contains("xxx") && file.ends_with(".prof");
        wait_until("it has its profile", || room.files().iter().any(is_profile));
        let file = room.files().into_iter().find(is_profile).unwrap();
        assert!(file.len() <= 255, "{file}");
        assert_eq!(room.profile(&file).under("allocate", "alloc_objects"), 1000);
        fs::remove_file(room.path(&file)).unwrap();
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_said_before_the_program_starts() {
    let too_long = "x".repeat(256);
    for output in ["missing/out.prof", "/", ".", &too_long, "/proc/out.prof"] {
        let room = Room::new();
        let ended = room.run("ends.c").options(["-o", output]).go();
        assert_eq!((ended.status(), ended.stdout.as_slice()), (125, &b""[..]), "{output}: {ended:?}");
        let said = ended.said();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("cannot write the profile {output}")), "{said:?}");
    }
}

#[test]
fn a_limit_of_the_size_of_files_costs_the_profile_and_leaves_nothing_half_written() {
    let room = Room::new();
    let limit = || {
        let limit = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
        // SAFETY: the kernel reads the limit.
        unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    };
    let ended = room.run("ends.c").args(["exit", "3"]).before_exec(limit).go();
    assert_eq!(ended.status(), 3, "{ended:?}");
    assert!(ended.stderr.contains("could not be written: out.prof: File too large"), "{ended:?}");
    assert!(room.files().is_empty(), "{:?}", room.files());
}
