//! Between a program and its signals heaptrace is not to be seen.

use std::fs;

use crate::support::wanted::is_root;
use crate::support::{HEAPTRACE, Room, Running, program, signal_process, wait_until};

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

/// All but those that cannot be caught, those that the C library keeps, and the last.
fn all_signals() -> impl Iterator<Item = i32> {
    let others = [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM, 32, 33];
    (1..=libc::SIGRTMAX()).filter(move |signal| !others.contains(signal))
}

#[test]
fn every_signal_reaches_the_program_and_so_does_its_value() {
    let room = Room::new();
    let mut running = room.run("all_signals.c").option("-q").spawn();
    until_ready(&mut running);
    for signal in all_signals() {
        running.signal(signal);
        assert_eq!(running.read_line(), format!("got {signal}"));
        let value = libc::sigval { sival_ptr: (1000 + signal) as usize as *mut _ };
        // SAFETY: takes no memory.
        unsafe { libc::sigqueue(running.pid() as i32, signal, value) };
        assert_eq!(running.read_line(), format!("got {signal} with {}", 1000 + signal));
    }
    running.signal(libc::SIGTERM);
    assert_eq!(running.wait().status(), 5);
    room.profile("out.prof");
}

/// As when a service is stopped: all its processes get the signal.
#[test]
fn what_asks_the_whole_group_and_the_collector_to_end_costs_no_profile() {
    let requests = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
    for signal in requests.into_iter().chain([libc::SIGUSR1, libc::SIGXFSZ, libc::SIGPWR, 40]) {
        let room = Room::new();
        let mut running = room.run("sleeps.c").option("-q").spawn();
        until_ready(&mut running);
        signal_process(running.collector(), signal);
        // SAFETY: takes no memory; the group was made for this test.
        unsafe { libc::killpg(running.pid() as i32, signal) };
        assert_eq!(running.wait().status(), 128 + signal);
        assert_eq!(room.profile("out.prof").under("before_sleeping", "inuse_objects"), 100, "{signal}");
    }
}

#[test]
fn who_kills_heaptrace_kills_the_program_which_has_its_profile() {
    let room = Room::new();
    let mut running = room.run("sleeps.c").spawn();
    until_ready(&mut running);
    let program = child_of(running.pid(), "sleeps");
    running.signal(libc::SIGKILL);
    assert_eq!(running.wait().status(), 128 + libc::SIGKILL);
    wait_until("the program is gone", || !fs::exists(format!("/proc/{program}")).unwrap());
    assert_eq!(room.awaited_profile("out.prof").under("before_sleeping", "inuse_objects"), 100);
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
fn who_stops_and_continues_the_program_alone_stops_and_continues_heaptrace() {
    let room = Room::new();
    let mut running = room.run("signals.c").option("-q").spawn();
    until_ready(&mut running);
    let program = child_of(running.pid(), "signals");
    for _ in 0..3 {
        signal_process(program, libc::SIGSTOP);
        wait_until("heaptrace has stopped like its program", || state(running.pid()) == 'T');
        signal_process(program, libc::SIGCONT);
        wait_until("heaptrace goes on like its program", || state(running.pid()) != 'T');
        assert_eq!(running.read_line(), format!("got {}", libc::SIGCONT));
    }
    running.signal(libc::SIGTERM);
    assert_eq!(running.read_line(), format!("got {}", libc::SIGTERM), "it was continued once each time");
    assert_eq!(running.wait().status(), 5);
}

#[test]
fn a_whole_job_that_is_stopped_and_continued_is_continued_once() {
    for stop in [libc::SIGSTOP, libc::SIGTSTP] {
        let room = Room::new();
        let mut running = room.run("signals.c").option("-q").spawn();
        until_ready(&mut running);
        let program = child_of(running.pid(), "signals");
        for _ in 0..3 {
            // SAFETY: takes no memory; the group was made for this test.
            unsafe { libc::killpg(running.pid() as i32, stop) };
            wait_until("both have stopped", || [running.pid(), program].map(state) == ['T', 'T']);
            // SAFETY: as above.
            unsafe { libc::killpg(running.pid() as i32, libc::SIGCONT) };
            wait_until("both go on", || ![running.pid(), program].map(state).contains(&'T'));
            assert_eq!(running.read_line(), format!("got {}", libc::SIGCONT));
        }
        running.signal(libc::SIGTERM);
        assert_eq!(running.read_line(), format!("got {}", libc::SIGTERM), "it was continued once each time");
        assert_eq!(running.wait().status(), 5);
    }
}

#[test]
fn a_program_that_is_killed_while_it_is_stopped_has_its_profile() {
    let room = Room::new();
    let mut running = room.run("sleeps.c").option("-q").spawn();
    until_ready(&mut running);
    let program = child_of(running.pid(), "sleeps");
    signal_process(program, libc::SIGSTOP);
    wait_until("heaptrace has stopped like its program", || state(running.pid()) == 'T');
    signal_process(program, libc::SIGKILL);
    assert_eq!(running.wait().status(), 128 + libc::SIGKILL);
    assert_eq!(room.profile("out.prof").under("before_sleeping", "inuse_objects"), 100);
}

#[test]
fn as_the_first_process_of_a_container_it_waits_for_orphans() {
    let room = Room::new();
    if !is_root() {
        return;
    }
    let orphan =
        "(sleep 0 &) ; until ps -eo ppid,comm | grep -q '^ *1 sh$'; do :; done; sleep 0.3; ps -eo stat,comm";
    let run = [HEAPTRACE, "run", "-q", "-o", "out.prof", "--", "/bin/sh", "-c", orphan];
    let ended = room.bare_path("unshare").args(["--fork", "--pid", "--mount-proc"]).args(run).go().well();
    assert!(ended.text().contains("heaptrace") && !ended.text().contains('Z'), "{ended:?}");
    room.profile("out.prof");
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
