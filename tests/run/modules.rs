//! What an address is called depends on the process and on the moment: libraries come and go.

use crate::processes::left;
use crate::support::{Room, program};

const COUNTS: [&str; 4] = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

/// The two plugins, as arguments.
fn plugins() -> [String; 2] {
    ["plugin_first.c", "plugin_other.c"].map(|name| program(name).into_os_string().into_string().unwrap())
}

#[test]
fn forked_processes_that_load_different_libraries_at_one_address_have_their_own_names() {
    for order in ["in-turn", "at-once"] {
        let room = Room::new();
        let [first, other] = plugins();
        let ended = room.run("forked_plugins.c").args([&first, &other, order]).go().well();
        let mut addresses: Vec<_> = ended.text().lines().map(str::to_owned).collect();
        let loads = addresses.len();
        addresses.sort_unstable();
        addresses.dedup();
        assert!(addresses.len() * 2 < loads, "they shared hardly an address: {ended:?}");
        let (ledger, _) = left(&room, "parent0", "forked_plugins");
        ledger.assert_equals_in(&room.profile("out.prof"), &COUNTS);
        for who in ["child0", "child1", "grandchild0", "grandchild1"] {
            let (ledger, name) = left(&room, who, "forked_plugins");
            println!("{order} {who}");
            ledger.assert_equals_in(&room.profile(&name), &COUNTS);
        }
    }
}

/// Also where nothing was sampled between the one and the other, so that a stack of the one with the
/// same addresses is the last that was seen.
#[test]
fn a_library_in_the_place_of_another_is_told_apart() {
    for (rate, size) in [("1", 31), ("512KiB", 16 << 20)] {
        let room = Room::new();
        let launch = room.run("plugins.c").rate(rate).args(plugins()).args([size.to_string()]);
        let ended = launch.go().well();
        let all = "plugins same 19\n";
        assert_eq!(ended.text(), all, "they are loaded at the same address, or this tests nothing");
        let profile = room.profile("out.prof");
        for function in ["allocate_first", "allocate_other"] {
            assert_eq!(profile.under(function, "alloc_objects"), 1000, "{function} at rate {rate}");
            assert_eq!(profile.under(function, "alloc_space"), 1000 * size, "{function} at rate {rate}");
        }
        profile.assert_rooted();
    }
}
