//! Who waits for patches at its start: not a process of whose files the collector has said that there is nothing
//! to patch. The test is the collector.

use std::fs::{self, Permissions};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use heaptrace_channel::config::{BELL, NO_TOKEN, SOCKET_FOLDER};
use heaptrace_channel::handshake::{HELLO_LENGTH, Hello};
use heaptrace_channel::plain::{FileState, Key, SIZE, SUFFIX};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, accept, bind,
    listen, recvmsg, socket_with,
};

use crate::support::{Room, print_of, program};

/// A session without a collector.
struct Session {
    listener: OwnedFd,
    /// Where who waits for an answer rings.
    bell: OwnedFd,
    name: String,
}

fn listener(name: &str, flags: SocketFlags) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | flags;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    bind(&listener, &SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()).unwrap();
    listen(&listener, 16).unwrap();
    listener
}

impl Session {
    fn new(name: &str) -> Session {
        let name = format!("heaptrace-test-{name}-{}", std::process::id());
        let bell = listener(&format!("{name}{BELL}"), SocketFlags::NONBLOCK);
        Session { listener: listener(&name, SocketFlags::empty()), bell, name }
    }

    fn table(&self) -> PathBuf {
        Path::new(SOCKET_FOLDER).join(format!("{}{SUFFIX}", self.name))
    }

    /// Starts the program in this session: does it ask for its patches? If so it also rings.
    fn is_asked_by(&self, room: &Room, program: &Path) -> bool {
        let token = String::from_utf8(NO_TOKEN.to_vec()).unwrap();
        let launch =
            room.manual_path(program).env("HEAPTRACE_SESSION", format!("{}:{token}:1:go", self.name));
        let running = launch.spawn();
        let connection = accept(&self.listener).unwrap();
        let mut message = [0; HELLO_LENGTH];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut message)];
        recvmsg(&connection, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
        drop(connection); // whoever waits has waited
        running.wait().well();
        let asks = Hello::decode(&message).unwrap().wants_patches;
        assert_eq!(accept(&self.bell).is_ok(), asks, "who asks rings, and nobody else does");
        asks
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.table());
    }
}

/// The program, and what ldd says that it loads. Our library knows that it has nothing to patch itself.
fn files(program: &Path) -> Vec<PathBuf> {
    let told = print_of("ldd", &[program.as_os_str()]);
    let libraries = told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    [program.to_owned()].into_iter().chain(libraries).collect()
}

/// A table in which there is nothing but these files; the first is the program.
fn table(files: &[PathBuf]) -> Vec<u8> {
    let mut table = vec![0; SIZE];
    for (turn, path) in files.iter().enumerate() {
        let data = fs::metadata(path).unwrap();
        let state = FileState::new(data.dev(), data.ino(), data.size(), (data.ctime(), data.ctime_nsec()));
        let key = Key::of(state, turn == 0);
        table[key.offset(turn)..][..8].copy_from_slice(&key.bytes());
    }
    table
}

#[test]
fn a_process_asks_for_patches_unless_it_is_known_that_there_are_none() {
    let (room, session) = (Room::new(), Session::new("asks"));
    let own = room.path("program");
    fs::copy(program("ledger.c"), &own).unwrap();
    let files = files(&own);
    assert!(files.len() >= 3, "{files:?}");
    assert!(session.is_asked_by(&room, &own), "there is no table");
    for (missing, path) in files.iter().enumerate() {
        let mut others = files.clone();
        others[missing] = PathBuf::from("/proc/self/exe");
        fs::write(session.table(), table(&others)).unwrap();
        assert!(session.is_asked_by(&room, &own), "{} is not in the table", path.display());
    }
    fs::write(session.table(), table(&files)).unwrap();
    assert!(!session.is_asked_by(&room, &own), "all are in the table");
    let script = room.path("script");
    fs::write(&script, format!("#!{}\n", own.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    assert!(!session.is_asked_by(&room, &script), "it is run by that program");
    fs::copy(program("ledger.c"), &own).unwrap();
    assert!(session.is_asked_by(&room, &own), "it is not the same program any more");
}

#[test]
fn nobody_waits_for_a_table_that_is_no_file() {
    let (room, session) = (Room::new(), Session::new("fifo"));
    print_of("mkfifo", &[session.table().as_os_str()]);
    assert!(session.is_asked_by(&room, &program("ledger.c")));
}

#[test]
fn a_program_in_the_place_of_another_is_seen_inside() {
    let room = Room::new();
    let [plain, inside] = ["ledger.c", "inside_jemalloc.c"].map(program);
    let script = format!(
        "cp {} it; ./it >/dev/null; ./it >/dev/null; cp {} it; exec ./it",
        plain.display(),
        inside.display()
    );
    let ended = room.run_path("sh").args(["-c", &script]).go().well();
    ended.ledger().assert_equals_in(&room.profile("out.prof"), &["alloc_objects", "alloc_space"]);
}

/// The second time and later no process asks, and those that are not run by a script need not tell their path.
#[test]
fn however_a_program_is_started_its_profile_has_the_path_of_its_file() {
    let room = Room::new();
    let file = room.path("file");
    fs::copy(program("ends.c"), &file).unwrap();
    symlink(&file, room.path("link")).unwrap();
    let script = room.path("script");
    fs::write(&script, format!("#!{} return\n", file.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let each = format!("./file; '{}'; ./link; ./script", file.display());
    room.run_path("/bin/sh").args(["-c", &format!("({each}; {each}) >/dev/null 2>&1")]).go().well();
    let file = fs::canonicalize(file).unwrap();
    for (name, count) in [("file", 4), ("link", 2), ("script", 2)] {
        let profiles = room.profiles(&format!("out.{name}."));
        assert_eq!(profiles.len(), count, "{name} in {:?}", room.files());
        for profile in profiles {
            assert_eq!(profile.under("allocate", "alloc_objects"), 1000, "{name}");
            assert!(
                profile.names_in(file.to_str().unwrap()).contains("allocate"),
                "{name}: {:?}",
                profile.path
            );
        }
    }
}
