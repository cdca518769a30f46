//! Profiles that are written while a program goes on.

use super::served::Served;
use crate::support::{Room, wait_until};

#[test]
fn profiles_are_written_beside_the_final_one_at_an_interval() {
    let room = Room::new();
    let launch = room.run("obeys.c").option("--http").option(":0").option("--interval").option("200ms");
    let mut served = Served::launch(launch);
    served.tell("keep 10 100");
    wait_until("there are three", || room.path("out.0003.prof").exists());
    served.tell("keep 10 100");
    let count = room.files().len();
    wait_until("there is one more", || room.files().len() > count + 1);
    served.program.ask("quit");
    let ended = served.program.wait().well();
    let last = room.profile("out.prof");
    assert_eq!(last.under("keep", "inuse_objects"), 20);
    let third = room.profile("out.0003.prof");
    assert_eq!(third.under("keep", "inuse_objects"), 10);
    room.assert_private("out.0003.prof");
    assert!(ended.stderr.contains("heaptrace: out.0001.prof to out.00"), "{}", ended.stderr);
    assert!(ended.stderr.contains(" profiles while it went on"), "{}", ended.stderr);
}

#[test]
fn an_interval_that_is_none_is_refused_before_the_program_starts() {
    let room = Room::new();
    for interval in ["0s", "10", "soon"] {
        let ended =
            room.run_path("/usr/bin/touch").option("--interval").option(interval).args(["started"]).go();
        assert_eq!((ended.status(), room.files().is_empty()), (125, true), "{interval}");
        assert!(ended.stderr.contains("such as 10s or 5m"), "{}", ended.stderr);
    }
}
