//! What a program inherits under heaptrace is what it would inherit bare.

use std::ffi::{CString, c_char};
use std::fs;
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::ptr::null;

use crate::support::{HEAPTRACE, Launch, Room, signal_process, wait_until};

/// What `inherits` tells, bare, under `run` and in manual mode, after the same preparation.
fn told(room: &Room, prepare: impl FnMut() + Clone + Send + Sync + 'static) -> [Vec<String>; 3] {
    let launches = [room.bare("inherits.c"), room.run("inherits.c").option("-q"), room.manual("inherits.c")];
    launches.map(|launch| {
        let launch = launch.before_exec(prepare.clone());
        let ended = launch.with(|command| {
            command.process_group(0);
        });
        let ended = ended.go().well();
        // Each was started in a group of its own.
        let text = ended.text().replace(&format!("group {}", ended.pid), "group of its own");
        text.lines().map(str::to_owned).collect()
    })
}

#[track_caller]
fn assert_same([bare, run, manual]: [Vec<String>; 3]) -> Vec<String> {
    assert!(bare.len() > 80, "{bare:?}");
    assert_eq!(run, bare, "under run");
    assert_eq!(manual, bare, "in manual mode");
    bare
}

#[test]
fn dispositions_mask_and_pending_signals_are_inherited() {
    type Change = fn(i32);
    let ignore: Change = |signal| {
        // SAFETY: sets no handler.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    };
    let block: Change = |signal| {
        // SAFETY: system calls on the signals of a process that is about to exec.
        unsafe {
            let mut mask = std::mem::zeroed();
            libc::sigemptyset(&mut mask);
            libc::sigaddset(&mut mask, signal);
            libc::sigprocmask(libc::SIG_BLOCK, &mask, std::ptr::null_mut());
        }
    };
    for change in [ignore, block] {
        let bare = assert_same(told(&Room::new(), move || {
            (1..=libc::SIGRTMAX())
                .filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, 32, 33].contains(signal))
                .for_each(change)
        }));
        let changed = bare.iter().filter(|line| line.contains("ignored") || line.contains("blocked")).count();
        assert!(changed > 55, "{bare:?}");
    }
    assert_same(told(&Room::new(), || {}));
}

#[test]
fn limits_priority_mask_of_files_and_score_are_inherited() {
    let bare = assert_same(told(&Room::new(), || {
        // SAFETY: system calls on values of this function's own.
        unsafe {
            let limit = |resource, soft, hard| {
                let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
                assert_eq!(libc::setrlimit(resource, &limit), 0);
            };
            limit(libc::RLIMIT_NOFILE, 200, 300);
            limit(libc::RLIMIT_CORE, 0, 1 << 20);
            limit(libc::RLIMIT_FSIZE, 1 << 30, 1 << 31);
            libc::umask(0o027);
            libc::setpriority(libc::PRIO_PROCESS, 0, 5);
        }
        let _ = fs::write("/proc/self/oom_score_adj", "321");
    }));
    for line in ["limit 7 200 300", "umask 27", "nice 5, policy 0", "oom_score_adj 321"] {
        assert!(bare.iter().any(|told| told == line), "{line}: {bare:?}");
    }
}

#[test]
fn timers_are_inherited() {
    let bare = assert_same(told(&Room::new(), || {
        for timer in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
            let long = libc::timeval { tv_sec: 1000, tv_usec: 0 };
            // SAFETY: the kernel reads the time.
            unsafe {
                let value = libc::itimerval { it_interval: long, it_value: long };
                libc::setitimer(timer as _, &value, std::ptr::null_mut());
            }
        }
    }));
    assert_eq!(bare.iter().filter(|line| line.ends_with("runs every 1000")).count(), 3, "{bare:?}");
}

#[test]
fn closed_standard_streams_stay_closed() {
    for closed in [&[0][..], &[2], &[0, 2]] {
        assert_same(told(&Room::new(), move || {
            for &number in closed {
                // SAFETY: of a process that is about to exec.
                unsafe { libc::close(number) };
            }
        }));
    }
}

/// Names twice, without a value, without a name: what no shell makes, but execve takes.
#[test]
fn an_odd_environment_is_inherited_entry_by_entry() {
    let room = Room::new();
    let entries = [c"TWICE=1", c"NO_VALUE", c"TWICE=2", c"=no name", c"EMPTY=", c"BYTES=\xff\x01"];
    let started = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| CString::new(*word).unwrap()).collect();
        let execute = move || {
            let list = |strings: &mut dyn Iterator<Item = *const c_char>| {
                strings.chain([null()]).collect::<Vec<_>>()
            };
            let (words, entries) = (
                list(&mut words.iter().map(|word| word.as_ptr())),
                list(&mut entries.iter().map(|entry| entry.as_ptr())),
            );
            // SAFETY: C strings, and null at the end of both lists.
            unsafe { libc::execve(words[0], words.as_ptr(), entries.as_ptr()) };
        };
        let ended = room.bare_path("/usr/bin/env").before_exec(execute).go().well();
        ended.stdout.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let bare = started(&["/usr/bin/env"]);
    let mut run = started(&[HEAPTRACE, "run", "-q", "-o", "out.prof", "--", "/usr/bin/env"]);
    run.retain(|entry| !["LD_PRELOAD=", "HEAPTRACE_"].iter().any(|name| entry.starts_with(name.as_bytes())));
    assert_eq!(bare.len(), entries.len() + 1, "{bare:?}");
    assert_eq!(run, bare);
}

#[test]
fn a_program_whose_children_nobody_waits_for_ends_with_its_own_status() {
    let room = Room::new();
    let ignore = || {
        // SAFETY: sets no handler.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    };
    let ended = room.run("ends.c").args(["return", "9"]).before_exec(ignore).go();
    assert_eq!(ended.status(), 9, "{ended:?}");
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

/// A descriptor beyond the standard ones that somebody waits for.
#[test]
fn a_pipe_that_the_program_inherits_ends_with_it_though_a_child_goes_on() {
    let room = Room::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let number = writer.into_raw_fd();
    let line = format!("exec 9>&{number} {number}>&-; (exec 9>&-; exec sleep 60) >&- 2>&- & echo $! >child");
    let launch: Launch = room.run_path("/bin/sh").args(["-c", &line]);
    let ended = launch.before_exec(move || {
        // SAFETY: makes it survive exec.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    });
    ended.go().well();
    // SAFETY: nobody else here uses it.
    unsafe { libc::close(number) };
    assert_eq!(std::io::read_to_string(&reader).unwrap(), "");
    let child = fs::read_to_string(room.path("child")).unwrap().trim().parse().unwrap();
    signal_process(child, libc::SIGKILL);
    wait_until("the child is gone", || !fs::exists(format!("/proc/{child}")).unwrap());
}
