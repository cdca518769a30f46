//! Between a program and its signals heaptrace is not to be seen.

use std::fs;

use crate::support::{Room, Running, program, signal_process, wait_until};

/// The program's output up to its "ready".
fn until_ready(running: &mut Running) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match running.read_line() {
            line if line == "ready" => return lines,
            line => lines.push(line),
        }
    }
}

/// The only child of a process that is a program of that name.
fn child_of(pid: u32, name: &str) -> u32 {
    let is_it =
        |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    let mut found = None;
    wait_until("the program runs", || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        found = children.split_whitespace().map(|child| child.parse().unwrap()).find(is_it);
        found.is_some()
    });
    found.unwrap()
}

/// The state of a process as ps shows it.
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

#[test]
fn signals_sent_to_heaptrace_reach_the_program() {
    let room = Room::new();
    let mut running = room.run("signals.c").option("-q").spawn();
    until_ready(&mut running);
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2, libc::SIGTERM] {
        running.signal(signal);
        assert_eq!(running.read_line(), format!("got {signal}"));
    }
    let ended = running.wait();
    assert_eq!(ended.status(), 5, "{ended:?}");
    ended.ledger().assert_equals(&room.profile("out.prof"));
}

#[test]
fn a_program_that_dies_of_a_signal_sent_to_heaptrace_has_its_status() {
    let room = Room::new();
    let mut running = room.run("sleeps.c").option("-q").spawn();
    until_ready(&mut running);
    running.signal(libc::SIGTERM);
    assert_eq!(running.wait().status(), 128 + libc::SIGTERM);
    assert_eq!(room.profile("out.prof").under("before_sleeping", "inuse_objects"), 100);
}

#[test]
fn a_program_that_was_killed_has_its_profile() {
    let room = Room::new();
    let mut running = room.run("sleeps.c").option("-q").spawn();
    until_ready(&mut running);
    signal_process(child_of(running.pid(), "sleeps"), libc::SIGKILL);
    assert_eq!(running.wait().status(), 128 + libc::SIGKILL);
    assert_eq!(room.profile("out.prof").under("before_sleeping", "inuse_objects"), 100);
}

#[test]
fn the_disposition_of_sigpipe_and_the_mask_are_inherited() {
    for (ignored, blocked) in
        [(false, None), (true, None), (false, Some(libc::SIGUSR1)), (true, Some(libc::SIGCHLD))]
    {
        let room = Room::new();
        let prepare = move || {
            // SAFETY: system calls on the signals of a process that is about to exec.
            unsafe {
                libc::signal(libc::SIGPIPE, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
                let mut mask = std::mem::zeroed();
                libc::sigemptyset(&mut mask);
                blocked.map(|signal| libc::sigaddset(&mut mask, signal));
                libc::sigprocmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut());
            }
        };
        let mut lines = Vec::new();
        for launch in [room.bare("signals.c"), room.run("signals.c"), room.manual("signals.c")] {
            let mut running = launch.before_exec(prepare).spawn();
            lines.push(until_ready(&mut running));
            running.signal(libc::SIGTERM);
            running.wait();
        }
        assert_eq!((&lines[1], &lines[2]), (&lines[0], &lines[0]));
        assert!(lines[0][0].contains(if ignored { "ignored" } else { "default" }), "{lines:?}");
    }
}

#[test]
fn a_stopped_program_goes_on_when_it_is_continued() {
    let room = Room::new();
    let mut running = room.run("signals.c").option("-q").spawn();
    until_ready(&mut running);
    let program = child_of(running.pid(), "signals");
    signal_process(program, libc::SIGSTOP);
    wait_until("heaptrace has stopped like its program", || state(running.pid()) == 'T');
    assert_eq!(state(program), 'T');
    running.signal(libc::SIGCONT);
    assert_eq!(running.read_line(), format!("got {}", libc::SIGCONT));
    running.signal(libc::SIGTERM);
    while running.read_line() != format!("got {}", libc::SIGTERM) {}
    assert_eq!(running.wait().status(), 5);
}

#[test]
fn a_handler_that_allocates_is_survived_and_counted() {
    let room = Room::new();
    let ended = room.run("handler.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals_in(&profile, &["alloc_objects", "inuse_objects"][..1]);
    assert_eq!(profile.under("in_handler", "inuse_objects"), 0);
    profile.assert_complete();
}

#[test]
fn a_handler_that_jumps_out_of_an_allocation_is_survived_and_sampling_goes_on() {
    let room = Room::new();
    program("bump.c"); // which it is linked with
    let ended = room.run("jumps_out.c").go().well();
    let (ledger, profile) = (ended.ledger(), room.profile("out.prof"));
    ledger.assert_equals_in(&profile, &["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]);
}
