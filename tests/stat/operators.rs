//! C++'s operators are families of their own, and counted once.

use crate::support::Room;

/// What `news.cpp` does in each of its functions is in its ledger.
#[test]
fn new_and_delete_are_counted_once_whoever_makes_the_blocks() {
    for library in ["", "libjemalloc.so.2", "libtcmalloc.so.4", "libmimalloc.so.2"] {
        let room = Room::new();
        // What the library itself does is what there is in a program that does nothing.
        room.stat("allocates.c").args(["0"]).env("LD_PRELOAD", library).go().well();
        let others = room.counts();
        let ended = room.stat("news.cpp").env("LD_PRELOAD", library).go().well();
        let (ledger, counts) = (ended.ledger(), room.counts());
        let sum = |index: usize| ledger.0.values().map(|values| values[index]).sum::<i64>();
        let of = |families: &[&str]| -> i64 {
            families.iter().map(|name| counts.family(name).0 - others.family(name).0).sum()
        };
        let by_c = ledger.0["by_c"][0];
        assert_eq!(of(&["new", "new[]"]), sum(0) - by_c, "{library}");
        // And the buffer of standard output, and libstdc++'s block for exceptions that find no memory, which an
        // allocator that is written in C++ has in both.
        let of_c = of(&["malloc", "calloc", "realloc", "aligned"]);
        let is_in_both = others.family("malloc").1 > 70_000;
        assert_eq!(of_c, by_c + if is_in_both { 1 } else { 2 }, "{library}");
        let frees = counts.number("frees") - others.number("frees") - (sum(0) - sum(2));
        assert!((0..=1).contains(&frees), "{library}: {frees} more than {}", sum(0) - sum(2));
    }
}

#[test]
fn a_new_that_throws_is_a_failure_and_the_program_goes_on() {
    let room = Room::new();
    let bare = room.bare("throws.cpp").go().well();
    let ended = room.stat("throws.cpp").go().well();
    assert_eq!(ended.stdout, bare.stdout);
}
