//! The first screen of a report leads to the lines that a person would change.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::Room;

/// Runs a program of which some lines end in `// own`, and returns the report on what it allocated.
fn report(room: &Room, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_heaptrace"))
        .args(["report", "-s", "alloc_space"])
        .args(arguments)
        .arg(room.path("out.prof"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rows_of_own_code_are_the_lines_that_allocate_in_cpp_and_rust() {
    for (source, plumbing) in [
        (
            "containers.cpp",
            &["_M_allocate", "_M_create_storage", "_M_get_node", "_M_mutate", "operator new"][..],
        ),
        ("containers.rs", &["raw_vec", "finish_grow", "do_alloc", "exchange_malloc", "new_uninit", "__rust"]),
    ] {
        let room = Room::new();
        room.run(source).rate("1").go().well();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(source);
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().zip(1..).filter(|(line, _)| line.ends_with("// own"));
        let expected: BTreeSet<i64> = lines.map(|(_, number)| number).collect();

        let own = report(&room, &["--own", "--json", "-n", "0"]);
        let json: serde_json::Value = serde_json::from_str(&own).unwrap();
        let rows = json["rows"].as_array().unwrap();
        let held = |row: &&serde_json::Value| row["flat"] != 0;
        let name = |row: &serde_json::Value| row["name"].as_str().unwrap().to_owned();
        let in_source: BTreeSet<i64> = rows
            .iter()
            .filter(held)
            .filter_map(|row| Some(name(row).rsplit_once(&format!("{source}:"))?.1.parse().unwrap()))
            .collect();
        assert!(expected.is_subset(&in_source), "{source}: {expected:?} {in_source:?} {own}");
        let first = name(&rows[0]);
        let (_, line) = first.rsplit_once(&format!("{source}:")).unwrap_or_else(|| panic!("{first}"));
        assert!(expected.contains(&line.parse().unwrap()), "{first}");

        // The table of all functions has those that were asked for memory, not how they got it.
        let plain = report(&room, &["--json", "-n", "0"]);
        let json: serde_json::Value = serde_json::from_str(&plain).unwrap();
        for row in json["rows"].as_array().unwrap().iter().filter(held) {
            let is_plumbing =
                plumbing.iter().any(|part| name(row).ends_with(part) || name(row).contains("raw_vec"));
            assert!(!is_plumbing, "{}", name(row));
        }
        // Both are on the first screen, own code first.
        let screen = report(&room, &[]);
        let at = |part: &str| screen.find(part).unwrap_or_else(|| panic!("{part}: {screen}"));
        assert!(at("Own code: ") < at(&first) && at(&first) < at("Type: alloc_space"), "{screen}");
    }
}
