//! A profile says when what is in use was born, and when of its kind was freed last.

use heaptrace_pprof::cohorts::{Cohort, Cohorts};

use crate::support::{Profile, Room, pprof};

/// The blocks that a function has in use, by era, and when one of them was freed last.
fn of(profile: &Profile, function: &str) -> (Vec<Cohort>, Option<i64>) {
    let samples = profile.samples.iter().zip(&profile.proto.sample);
    let own = samples.filter(|(sample, _)| sample.stack.iter().any(|name| name == function));
    let mut all = Cohorts::default();
    own.filter_map(|(_, sample)| sample.cohorts.as_ref()).for_each(|cohorts| all.add(cohorts));
    (all.rows(profile.proto.eras.len()), all.last_freed)
}

fn sum(rows: &[Cohort], of: fn(&Cohort) -> i64) -> i64 {
    rows.iter().map(of).sum()
}

#[test]
fn blocks_are_counted_in_the_eras_of_their_births_and_what_was_in_use_at_their_ends() {
    let room = Room::new();
    let ended = room.run("generations.c").go().well();
    let profile = room.profile("out.prof");
    ended.ledger().assert_equals(&profile);
    let eras = &profile.proto.eras;
    assert!(eras.len() >= 3 && eras[0] == 0 && eras.is_sorted(), "{eras:?}");

    let (start, freed) = of(&profile, "start");
    assert_eq!((sum(&start, |row| row.born), sum(&start, |row| row.alive), freed), (100, 100, None));
    assert_eq!(
        start.last().unwrap(),
        &Cohort { era: eras.len() - 1, in_use: 100, older: 100, ..Cohort::default() }
    );

    // One of ten that it allocates is never freed, the others at once.
    let (leak, freed) = of(&profile, "leak");
    let (born, alive) = (sum(&leak, |row| row.born), sum(&leak, |row| row.alive));
    assert_eq!((born, alive), (6000, 600));
    let with = leak.iter().filter(|row| row.alive > 0).count();
    assert!(with >= 3, "{leak:?}");
    assert!(leak.iter().all(|row| (row.alive * 10 - row.born).abs() <= 10), "{leak:?}");
    assert!(leak.is_sorted_by_key(|row| row.older));
    let age = profile.proto.duration_nanos - freed.unwrap();
    assert!((0..profile.proto.duration_nanos / 2).contains(&age), "{age}");

    // The queue holds its latest ten.
    let (queue, _) = of(&profile, "queue");
    assert_eq!((sum(&queue, |row| row.born), sum(&queue, |row| row.alive)), (600, 10));
    assert_eq!(sum(&queue[..queue.len() - 2], |row| row.alive), 0, "{queue:?}");
}

#[test]
fn what_a_forked_child_inherits_is_older_than_the_child() {
    let room = Room::new();
    room.run("generations.c").args(["fork"]).go().well();
    let child = &room.profiles("out.generations")[0];
    let (start, _) = of(child, "start");
    assert_eq!(sum(&start, |row| row.alive), 100);
    let before = child.proto.eras.iter().take_while(|&&began| began < 0).count();
    assert!(before > 0, "{:?}", child.proto.eras);
    assert_eq!(sum(&start[..before], |row| row.alive), 100);
}

#[test]
fn pprof_shows_the_same_with_cohorts_as_without() {
    let room = Room::new();
    room.run("generations.c").go().well();
    let mut profile = room.profile("out.prof");
    let with = pprof::top(&profile, "inuse_space");
    profile.proto.eras.clear();
    profile.proto.sample.iter_mut().for_each(|sample| sample.cohorts = None);
    profile.path = room.path("without.prof");
    heaptrace_pprof::write_file(&profile.path, &profile.proto).unwrap();
    assert_eq!(pprof::top(&profile, "inuse_space"), with);
}
