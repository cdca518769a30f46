//! What is said at the end: every fact, and nothing that a terminal would take for something else.

use std::fs;

use crate::support::{Room, program};

#[test]
fn names_of_any_characters_are_said_whole_and_move_no_cursor() {
    for name in ["?odd", "!odd", "\rodd", "o\x1b[2Jd\nd", "\u{9b}31modd"] {
        let room = Room::new();
        fs::copy(program("ends.c"), room.path(name)).unwrap();
        let ended = room.run_path(room.path(name)).options(["-r1", "-o", "%n.prof"]).go().well();
        let shown = name.replace(char::is_control, "\u{fffd}");
        let said: Vec<_> = ended.stderr.strip_prefix("an error\n").unwrap().lines().collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].starts_with(&format!("heaptrace: {shown}.prof: {shown} (pid ")), "{said:?}");
        assert!(said.iter().all(|line| !line.contains(char::is_control)), "{said:?}");
        let missing = room.run_path(room.path("missing\x1b[2J\n")).go();
        assert_eq!(missing.said().len(), 1, "{missing:?}");
        assert!(!missing.stderr.contains('\x1b'), "{missing:?}");
    }
}

#[test]
fn a_finer_rate_is_suggested_where_there_were_few_samples_and_not_where_there_was_none() {
    let room = Room::new();
    let few = room.run("ends.c").rate("16KiB").go().well();
    assert!(few.stderr.contains("sample more often: heaptrace run --rate "), "{few:?}");
    let none = room.run("ends.c").rate("1TiB").go().well();
    assert!(none.stderr.contains("no samples") && !none.stderr.contains("often"), "{none:?}");
    let all = room.run("ends.c").rate("1").go().well();
    assert!(!all.stderr.contains("--rate"), "{all:?}");
}

#[test]
fn memory_that_malloc_was_not_asked_for_is_explained_and_stands_beside_the_heap() {
    let room = Room::new();
    let ended = room.run("maps.c").rate("512KiB").go().well();
    let explained = "memory that it maps by itself (mmap), or that of an allocator of its own";
    assert!(ended.stderr.contains(explained) && !ended.stderr.contains("often"), "{ended:?}");
    assert!(ended.stderr.contains("resident set at most 20"), "{ended:?}");
    let room = Room::new();
    room.manual("maps.c").go().well();
    let profile = room.profile("out.prof");
    for name in ["resident", "peak_resident"] {
        assert!((200 << 20..260 << 20).contains(&profile.count(name)), "{name}: {}", profile.comment(name));
    }
}

/// The collector looks now and then, and when the program ends it is too late.
#[test]
fn the_largest_resident_set_is_what_the_kernel_says_however_short_it_was() {
    for way in [Room::run, Room::manual] {
        let room = Room::new();
        way(&room, "maps.c").args(["unmaps"]).go().well();
        let profile = room.profile("out.prof");
        let most = profile.count("peak_resident");
        assert!((200 << 20..260 << 20).contains(&most), "{}", profile.comment("peak_resident"));
    }
}

#[test]
fn what_cannot_be_read_again_is_not_the_next_command() {
    let room = Room::new();
    let ended = room.run("ends.c").options(["-r1", "-o", "/dev/null"]).go().well();
    assert!(ended.stderr.contains("heaptrace: /dev/null: ends"), "{ended:?}");
    assert!(!ended.stderr.contains("next:"), "{ended:?}");
}

#[test]
fn a_collector_that_cannot_start_says_why_and_the_program_runs() {
    let room = Room::new();
    // More than there is: as if there could be no more threads, which sending takes.
    let run = room.run("ends.c").options(["--push", "http://127.0.0.1:9"]).args(["return", "6"]);
    let ended = run.env("RUST_MIN_STACK", (1u64 << 50).to_string()).go();
    assert_eq!(ended.status(), 6, "{ended:?}");
    let said = ended.stderr.strip_prefix("an error\n").unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("there is no profile: the collector could not start: "), "{said}");
}

#[test]
fn a_reader_of_the_errors_that_is_gone_changes_no_status() {
    let room = Room::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let quiet = "exec 2>&-; exit 4";
    let mut command = std::process::Command::new(crate::support::HEAPTRACE);
    command.args(["run", "-r1", "-o", "out.prof", "--", "/bin/sh", "-c", quiet]);
    let status = command.current_dir(room.path("")).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(4));
    room.profile("out.prof");
}

#[test]
fn a_line_that_the_program_left_open_is_ended_first() {
    let room = Room::new();
    for (left, expected) in [
        ("printf open >&2", "open\nheaptrace: "),
        ("echo ended >&2", "ended\nheaptrace: "),
        ("true", "heaptrace: "),
    ] {
        let errors = fs::File::create(room.path("errors")).unwrap();
        let launch = room.run_path("/bin/sh").args(["-c", left]).with(|command| {
            command.stderr(errors);
        });
        launch.start().wait().well();
        let said = fs::read_to_string(room.path("errors")).unwrap();
        assert!(said.starts_with(expected), "{said:?}");
    }
    let line = format!(
        "stty cols 80 rows 24; {} run -r1 -o out.prof -- /bin/sh -c 'printf open'",
        crate::support::HEAPTRACE
    );
    let shown = room.bare_path("script").args(["-qec", &line, "/dev/null"]).go().well().text();
    assert!(shown.contains(&format!("open{:80}\rheaptrace: out.prof: sh", "")), "{shown:?}");
}
