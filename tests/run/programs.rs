//! Programs that nobody wrote for heaptrace: same output, same status, rooted stacks.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::support::wanted::has;
use crate::support::{Ended, Launch, Profile, Room, wait_until};

/// Bare and profiled at several rates, the program writes the same.
#[track_caller]
fn assert_same(path: &str, arguments: &[&str], rates: &[&str], mut check: impl FnMut(&Room, &Ended)) {
    let bare = Room::new().bare_path(path).args(arguments).go();
    for rate in rates {
        let room = Room::new();
        let ended = room.run_path(path).rate(rate).option("-q").args(arguments).go();
        assert_eq!(
            (ended.status(), &ended.stdout, &ended.stderr),
            (bare.status(), &bare.stdout, &bare.stderr)
        );
        room.profile("out.prof").assert_rooted();
        check(&room, &ended);
    }
}

#[test]
fn python_is_the_same_and_its_stacks_are_rooted() {
    if has("python3") {
        let script = "import json, os; x = json.loads(json.dumps([{'a': i, 'b': 'x' * i} for i in range(2000)])); print(len(x), sum(len(y['b']) for y in x))";
        assert_same("python3", &["-S", "-c", script], &["512KiB", "4KiB"], |_, _| {});
        assert_same("python3", &["-c", "raise SystemExit(9)"], &["1"], |room, ended| {
            assert_eq!(ended.status(), 9);
            room.profile("out.prof").assert_complete();
        });
    }
}

#[test]
fn a_database_is_the_same_and_its_stacks_are_rooted() {
    if has("sqlite3") {
        let queries = "create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, hex(zeroblob(i % 50)) from n; select count(*), sum(length(b)) from t; select b, count(*) from t group by b order by 1 limit 3;";
        assert_same("sqlite3", &[":memory:", queries], &["512KiB", "1"], |_, _| {});
    }
}

#[test]
fn a_compiler_makes_the_same_object_and_its_parts_have_profiles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/throws.cpp");
    let arguments = ["-O1".as_ref(), "-c".as_ref(), source.as_os_str(), "-o".as_ref(), "out.o".as_ref()];
    let (bare, room) = (Room::new(), Room::new());
    bare.bare_path("g++").args(arguments).go().well();
    room.run_path("g++").rate("64KiB").args(arguments).go().well();
    assert_eq!(fs::read(room.path("out.o")).unwrap(), fs::read(bare.path("out.o")).unwrap());
    let compilers = room.profiles("out.cc1plus.");
    assert_eq!(compilers.len(), 1, "{:?}", room.files());
    assert!(compilers[0].total("alloc_space") > 10 << 20);
    compilers[0].assert_rooted();
    assert_eq!(room.profiles("out.as.").len(), 1, "{:?}", room.files());
}

#[test]
fn make_with_jobs_is_profiled_with_all_it_starts() {
    if !has("make") {
        return;
    }
    let room = Room::new();
    let mut makefile = "all: a b c d\n".to_owned();
    for name in ["a", "b", "c", "d"] {
        makefile += &format!("{name}:\n\t@echo 'int {name};' > {name}.c && cc -c {name}.c && echo {name}\n");
    }
    fs::write(room.path("Makefile"), makefile).unwrap();
    let ended = room.run_path("make").option("-q").args(["-j2"]).go().well();
    let mut lines: Vec<_> = ended.text().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!((lines, ended.stderr.as_str()), (["a", "b", "c", "d"].map(String::from).to_vec(), ""));
    for part in ["out.cc1.", "out.as."] {
        assert_eq!(room.profiles(part).len(), 4, "{part} {:?}", room.files());
    }
    room.profile("out.prof").assert_rooted();
}

/// A repository of forty commits, in a pack and in loose objects.
fn make_repository(room: &Room) {
    let git = |arguments: &[&str], input: &str| {
        fs::write(room.path("input"), input).unwrap();
        let input = File::open(room.path("input")).unwrap();
        let with_input = |command: &mut Command| {
            command.stdin(input);
        };
        room.bare_path("git").args(arguments).with(with_input).go().well().text()
    };
    git(&["init", "-q", "repository"], "");
    let mut stream = String::new();
    for n in 0..40 {
        let text = (n..2000).map(|line| format!("{line}\n")).collect::<String>();
        stream += &format!("commit refs/heads/all\ncommitter a <a@b> {n} +0000\ndata 0\n");
        stream += &format!("M 644 inline file{}\ndata {}\n{text}\n", n % 7, text.len());
    }
    git(&["-C", "repository", "fast-import", "--quiet"], &stream);
    git(&["-C", "repository", "hash-object", "-w", "--stdin"], "loose");
}

#[test]
fn git_packs_the_same_objects_and_all_its_processes_have_profiles() {
    let packed = |launch: fn(&Room) -> Launch| {
        let room = Room::new();
        make_repository(&room);
        let ended = launch(&room).args(["-C", "repository", "gc", "--prune=now"]).go().well();
        assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("", ""));
        room.bare_path("git").args(["-C", "repository", "fsck", "--strict"]).go().well();
        let counted = room.bare_path("git").args(["-C", "repository", "count-objects", "-v"]).go().well();
        let lines = counted.text();
        let counts = lines.lines().filter(|line| !line.starts_with("size"));
        (counts.map(str::to_owned).collect::<Vec<_>>(), room)
    };
    let (bare, _) = packed(|room| room.bare_path("git"));
    assert!(bare.contains(&"in-pack: 120".into()), "{bare:?}");
    let modes: [fn(&Room) -> Launch; 2] =
        [|room| room.run_path("git").option("-q"), |room| room.manual_path("git")];
    for mode in modes {
        let (counts, room) = packed(mode);
        assert_eq!(counts, bare);
        wait_until("what git did not wait for has its profile", || room.profiles("out.git.").len() >= 5);
        let profiles = room.profiles("out.");
        profiles.iter().for_each(Profile::assert_complete);
        assert!(profiles.iter().any(|profile| profile.comment("command").contains("pack-objects")));
    }
}

#[test]
fn a_server_under_load_answers_the_same_and_loses_nothing() {
    if !has("redis-server") || !has("redis-benchmark") {
        return eprintln!("no redis here");
    }
    let modes: [fn(&Room) -> Launch; 3] = [
        |room| room.bare_path("redis-server"),
        |room| room.run_path("redis-server").option("-q"),
        |room| room.manual_path("redis-server"),
    ];
    for (index, mode) in modes.into_iter().enumerate() {
        let room = Room::new();
        let server = mode(&room).args(["--port", "0", "--unixsocket", "./socket", "--save", ""]).spawn();
        let client = |program: &str, arguments: &[&str]| {
            room.bare_path(program).args(["-s", "./socket"]).args(arguments).go()
        };
        wait_until("the server answers", || client("redis-cli", &["ping"]).text() == "PONG\n");
        client("redis-benchmark", &["-q", "-n", "3000", "-t", "set,lpush,hset,mset"]).well();
        assert_eq!(client("redis-cli", &["llen", "mylist"]).text(), "3000\n");
        assert_eq!(client("redis-cli", &["shutdown", "nosave"]).status(), 0);
        let ended = server.wait().well();
        assert_eq!(ended.stderr, "");
        if index > 0 {
            let profile = room.profile("out.prof");
            profile.assert_complete();
            assert!(profile.total("alloc_objects") > 3000, "one for each element at the least");
        }
    }
}
