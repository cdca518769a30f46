//! docs/check.md says what is so.

use std::fs;
use std::path::Path;

use crate::desk::Desk;

#[test]
fn the_documented_example_is_accepted_to_the_last_key() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let example = rest.split_once("```").unwrap().0;
    let desk = Desk::new();
    desk.budgets(example);
    desk.profile("baseline.prof", 1, &[(&["parse_record", "main"], 100, 10, 0)]);
    desk.profile("p", 1, &[(&["parse_record", "main"], 100, 10, 0)]);
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 0, "{checked:?}");
    assert_eq!(checked.out.matches("within").count(), 7 + 1, "every limit was judged: {checked:?}");
    desk.profile("p", 1, &[(&["parse_record", "on_audio_frame", "main"], 100, 11, 0)]);
    let checked = desk.check(["p"]);
    assert_eq!(checked.status, 3, "{checked:?}");
    assert!(checked.out.contains("allocs of function ^on_audio_frame$: 11, none allowed"), "{checked:?}");
    assert!(checked.out.contains("the hot path"), "{checked:?}");
}
