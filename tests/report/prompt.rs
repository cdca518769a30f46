//! The prompt of `-i`, fed from a pipe.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixtures;
use crate::support::{Folder, report, report_text};
use crate::wanted::has;

/// What the prompt writes, on stdout and stderr, for these commands.
fn session(file: &str, commands: &str) -> (String, String) {
    session_of(report(&["-i", file]), commands)
}

fn session_of(mut command: Command, commands: &str) -> (String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

/// What it writes on stdout for commands that it understands.
fn answers(commands: &str) -> String {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let (text, errors) = session(&file, commands);
    assert_eq!(errors, "", "{commands}");
    text
}

/// The names in the rows of the last top table.
fn names(text: &str) -> Vec<&str> {
    let table = text.rsplit_once("cum%").expect("there is a table").1;
    let rows = table.lines().skip(1).filter(|row| row.contains('%'));
    rows.map(|row| row.rsplit_once("  ").unwrap().1).collect()
}

const GROW: &str = "std::vector<orders::Order, std::allocator<orders::Order>>::_M_realloc_insert<orders::Order const&> (inline)";

#[test]
fn it_begins_with_what_the_profile_is() {
    assert!(answers("").starts_with("program    orders --all (pid 4242)\n"));
}

#[test]
fn top_takes_a_number_and_an_order() {
    assert_eq!(names(&answers("top\n")).len(), 4);
    assert_eq!(names(&answers("top2\n")), [GROW, "orders::Cache::insert"]);
    assert_eq!(names(&answers("top 2 -cum\n")), ["main", "orders::load"]);
    assert_eq!(names(&answers("cum\ntext1\n")), ["main"]);
}

#[test]
fn top_takes_focus_and_ignore_for_itself_alone() {
    assert_eq!(names(&answers("top Cache\n")), ["orders::Cache::insert", "main"]);
    assert_eq!(names(&answers("top -Cache\n")).len(), 3);
    assert_eq!(names(&answers("top Cache\ntop\n")).len(), 4);
}

#[test]
fn variables_hold_until_they_are_cleared() {
    assert_eq!(names(&answers("focus=Cache\ntop\n")).len(), 2);
    assert_eq!(names(&answers("focus = Cache //: remark\n:\ntop\n")).len(), 4);
    assert_eq!(names(&answers("nodecount=1\ntop\n")).len(), 1);
    assert!(names(&answers("granularity=files\ntop\n")).contains(&"/src/orders/main.cc"));
    assert!(names(&answers("lines\ntop\n")).contains(&"main /src/orders/main.cc:12"));
}

#[test]
fn a_sample_type_is_chosen_by_name_number_or_alone() {
    for choice in ["sample_index=alloc_space", "sample_index=1", "alloc_space"] {
        let text = answers(&format!("{choice}\ntop\no\n"));
        assert!(text.contains("Type: alloc_space"));
        assert!(text.contains("= alloc_space          //: [alloc_objects | alloc_space"));
    }
}

#[test]
fn averages_of_a_sample_type_are_chosen_by_its_name_too() {
    let text = answers("mean_alloc_space\ntop\ntotal_alloc_space\ntop\n");
    assert!(text.contains("Type: mean_alloc_space\n"), "{text}");
    assert!(text.contains("     746B 39.35% 255.38%       746B 39.35%  orders::Cache::insert\n"), "{text}");
    assert!(text.contains("Type: alloc_space\nShowing nodes accounting for 67.70MB"), "{text}");
}

#[test]
fn a_switch_is_turned_on_by_its_name() {
    let text = answers("noinlines\ntop\nnoinlines=false\ntop\no\n");
    let tables: Vec<&str> = text.split("Type: inuse_space").collect();
    let (without, with) = (tables[1], tables[2]);
    assert!(!without.contains("(inline)"));
    assert!(with.contains("(inline)"));
    assert!(text.contains("  noinlines                 = false"));
}

#[test]
fn the_other_views_are_there() {
    let text = answers(
        "raw\ncallgrind\npeek insert\ntree\ntraces\ntags\nfolded\ndot\njson\ncomments\nlist load\nhelp\nhelp top\nhelp focus\nhelp cum\n",
    );
    for part in [
        "PeriodType: space bytes\n",
        "positions: instr line\n",
        "calls calls% + context",
        "-----------+-----",
        "bytes: Total ",
        "main;orders::Cache::insert 1572928",
        "digraph heaptrace {",
        "\"sample_index\": \"inuse_space\"",
        "ROUTINE ======================== orders::load",
        "The functions that hold most: what is shown unless asked for something else\n  top [n] [-cum] ",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn output_goes_to_a_file() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let (top, svg) = (folder.path("top.txt"), folder.path("flame.svg"));
    let proto = folder.path("again.prof");
    let commands =
        format!("top >{}\nflamegraph {}\nproto >{}\n", top.display(), svg.display(), proto.display());
    let tree = folder.path("tree.txt");
    let commands = format!("{commands}output={}\ntree\noutput=\nnormalize=1\no\n", tree.display());
    let said = [&top, &svg, &proto, &tree].map(|path| format!("heaptrace: written to {}\n", path.display()));
    let (text, errors) = session(&file, &commands);
    let normalize = "heaptrace: normalize is an option of the command line, beside --base\n";
    assert_eq!(errors, [&said.concat(), normalize].concat());
    assert!(text.ends_with("  output                    = \"\"\n"), "{text}");
    assert!(fs::read_to_string(tree).unwrap().starts_with("Showing nodes"));
    assert!(fs::read_to_string(top).unwrap().starts_with("Type: inuse_space\n"));
    assert!(fs::read_to_string(svg).unwrap().starts_with("<?xml"));
    assert_eq!(report_text(&["--json", proto.to_str().unwrap()]), report_text(&["--json", &file]));
}

#[test]
fn output_goes_to_a_command() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let commands = "nodecount=2\ntop | grep -c Cache\no | grep nodecount\nhelp |head -n 1\ntop >>x\n";
    let (text, errors) = session(&file, commands);
    let (_, answers) = text.split_once("high\n").unwrap();
    assert_eq!(answers, "1\n  nodecount                 = 2\nCommands:\n");
    assert_eq!(errors, "heaptrace: there is no >>; > writes a file anew\n");
}

#[test]
fn options_are_saved_under_names() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let saved = folder.path("heaptrace/settings.json");
    let with_home = |arguments: &[&str]| {
        let mut command = report(arguments);
        command.env("XDG_CONFIG_HOME", folder.root());
        command
    };
    let prompt = |commands: &str| session_of(with_home(&["-i", &file]), commands);
    let (_, said) =
        prompt("focus=Cache\nnodecount=1\nalloc_space\nconfig save cache\ncum\nconfig save sorted\n");
    let saved_as = |name| format!("heaptrace: saved as {name} in {}\n", saved.display());
    assert_eq!(said, [saved_as("cache"), saved_as("sorted")].concat());
    assert_eq!(fs::metadata(&saved).unwrap().permissions().mode() & 0o777, 0o600);

    let (text, _) =
        prompt("config\nalloc_objects\nconfig cache\ntop\nconfig delete sorted\nconfig delete nobody\n");
    assert!(
        text.contains("  cache: focus=Cache nodecount=1\n  sorted: focus=Cache nodecount=1 sort=cum\n"),
        "{text}"
    );
    assert!(text.contains("Type: alloc_objects\nActive filters:\n   focus=Cache\n"), "{text}");
    assert!(text.contains("Showing top 1 nodes out of 2\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&saved).unwrap()).unwrap();
    let expected = serde_json::json!({"configs": [{"name": "cache", "nodecount": 1, "focus": "Cache"}]});
    assert_eq!(json, expected);

    let output = with_home(&["--config", "cache", "-n", "2", "--tree", &file]).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.starts_with("Active filters:\n   focus=Cache\n") && !tree.contains("Showing top"), "{tree}");
    for (name, text, error) in [
        ("other", None, "no options are saved as other; there are cache"),
        ("cache", Some("{}"), "is no file of saved options; mend or remove it"),
        (
            "old",
            Some(r#"{"configs": [{"name": "old", "colour": 3}]}"#),
            "the options saved as old: there is no option colour",
        ),
    ] {
        if let Some(text) = text {
            fs::write(&saved, text).unwrap();
        }
        let output = with_home(&["--config", name, &file]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(error), "{said}");
    }
}

#[test]
fn what_it_does_not_understand_is_said_and_it_goes_on() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let commands = "frobnicate\nfocus\nfocus Cache\nfocus=(\nnoinlines=maybe\ndivide_by=0\nlist\nlist nothing\nsample_index=9\nnodecount=many\ntop Nobody\nquit\ntop\n";
    let (text, errors) = session(&file, commands);
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "heaptrace: there is no command \"frobnicate\"; help shows those there are",
            "heaptrace: to set it, type focus=VALUE",
            "heaptrace: to set it, type focus=Cache",
            "heaptrace: focus: \"(\" is no regular expression: missing closing )",
            "heaptrace: noinlines can be true or false",
            "heaptrace: divide_by: \"0\" is no number, or too small",
            "heaptrace: list needs an argument",
            "heaptrace: no function matches nothing",
            "heaptrace: sample index 9 is not one of 0 to 5",
            "heaptrace: nodecount: \"many\" is no number of rows: invalid digit found in string",
            "heaptrace: focus matches nothing in this profile",
        ]
    );
    assert!(names(&text).is_empty(), "quit ends it");
}

/// Types `commands` at a prompt on a terminal, at home in `home`.
fn type_at_terminal(home: &Path, commands: &str) -> String {
    let file = home.join("own.prof");
    fs::write(&file, fixtures::heaptrace().encode()).unwrap();
    let report = format!("{} report -i {}", env!("CARGO_BIN_EXE_heaptrace"), file.display());
    let mut child = Command::new("script")
        .args(["-qec", &report, "/dev/null"])
        .env_remove("XDG_STATE_HOME")
        .env("HOME", home)
        .env("TERM", "xterm")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn what_was_typed_is_there_in_the_next_session_for_nobody_else_to_read() {
    let home = Folder::new();
    type_at_terminal(home.root(), "top3\nquit\n");
    type_at_terminal(home.root(), "peek insert\nquit\n");
    let history = home.path(".local/state/heaptrace/history");
    let text = fs::read_to_string(&history).unwrap();
    assert!(text.contains("top3\n") && text.contains("peek insert\n"), "{text}");
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_history_that_cannot_be_written_is_no_error() {
    let home = Folder::new();
    home.file(".local", "in the way");
    let text = type_at_terminal(home.root(), "top3\nquit\n");
    assert!(text.contains("Type: inuse_space"), "{text}");
    assert!(!text.contains("heaptrace: "), "{text}");
}

#[test]
fn a_picture_does_not_go_to_a_terminal() {
    if !has("dot") {
        return;
    }
    let home = Folder::new();
    home.file("profile001.svg", "already there");
    let text = type_at_terminal(home.root(), "svg\nquit\n");
    assert!(text.contains("heaptrace: written to profile002.svg"), "{text}");
    assert!(fs::read_to_string(home.path("profile002.svg")).unwrap().contains("</svg>"));
}
