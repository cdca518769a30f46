//! Each format is what those who read it take, whatever names are in it.

use crate::desk::Desk;

/// A name with all that is special somewhere.
const HOSTILE: &str = "f<a&b>|\"'`*_[x](y)\n::error::boo%0A,z:]]>\u{1b}\u{fffe}--> ]";

/// A desk with a budget that is over, an undecided one and one that is kept, all with hostile names.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.profile("p", 512 << 10, &[(&[HOSTILE, "main"], 4096, 400, 0), (&["parse", "main"], 4096, 1, 0)]);
    desk.budgets(
        "[total]\nbytes = \"100MiB\"\nallocs = 50_000\nleaked = \"4MiB\"\n\
         [[function]]\nname = 'parse|<&\"\\|`'\nallocs = 0\nreason = \"<&\\\"]]>|\\n::error::x\\u0007\"\n",
    );
    desk
}

fn written(desk: &Desk, format: &str) -> String {
    let checked = desk.check(["--format", format, "p"]);
    assert_eq!(checked.status, 3, "{checked:?}");
    checked.out
}

#[test]
fn text_is_lines_without_control_characters() {
    let text = written(&desk(), "text");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.ends_with("2 budgets over, 1 undecided, 1 within\n"), "{text}");
}

#[test]
fn json_has_every_budget_with_its_interval() {
    let document: serde_json::Value = serde_json::from_str(&written(&desk(), "json")).unwrap();
    assert_eq!(document["outcome"], "over");
    assert_eq!(document["rate"], 512 << 10);
    let budgets = document["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 4);
    for budget in budgets {
        let number = |key: &str| budget[key].as_i64().unwrap();
        assert!(number("low") <= number("value") && number("value") <= number("high"), "{budget}");
        let outcome = budget["outcome"].as_str().unwrap();
        match outcome {
            "over" => assert!(number("low") > number("limit"), "{budget}"),
            "within" => assert!(number("high") <= number("limit"), "{budget}"),
            "undecided" => assert!(budget["deciding_rate"].as_i64().unwrap() < 512 << 10, "{budget}"),
            _ => panic!("{budget}"),
        }
    }
    assert_eq!(budgets[0]["sites"][0]["line"], 7);
}

/// The rules of the schema that Jenkins publishes (junit-10.xsd): which elements are in which, in any
/// number, which attributes they may have, and which they must.
#[test]
fn junit_keeps_its_schema_s_rules_and_counts_right() {
    let text = written(&desk(), "junit");
    let document = roxmltree::Document::parse(&text).unwrap();
    for node in document.root().descendants().filter(|node| node.is_element()) {
        let (parents, allowed, required): (&[&str], &[&str], &[&str]) = match node.tag_name().name() {
            "testsuites" => (&[""], &["name", "time", "tests", "failures", "disabled", "errors"], &[]),
            "testsuite" => (
                &["testsuites"],
                &[
                    "name",
                    "tests",
                    "failures",
                    "errors",
                    "time",
                    "disabled",
                    "skipped",
                    "timestamp",
                    "hostname",
                    "id",
                    "package",
                ],
                &["name"],
            ),
            "testcase" => (
                &["testsuite"],
                &["name", "assertions", "time", "classname", "status"],
                &["name", "classname"],
            ),
            "failure" | "error" => (&["testcase"], &["type", "message"], &["type"]),
            "system-out" => (&["testsuite", "testcase"], &[], &[]),
            other => panic!("{other} is in no schema"),
        };
        let parent = node.parent_element().map_or("", |parent| parent.tag_name().name());
        assert!(parents.contains(&parent), "{} in {parent:?}", node.tag_name().name());
        assert!(node.attributes().all(|attribute| allowed.contains(&attribute.name())), "{node:?}");
        assert!(required.iter().all(|name| node.has_attribute(*name)), "{node:?}");
    }
    let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
    for suite in document
        .descendants()
        .filter(|node| node.has_tag_name("testsuite") || node.has_tag_name("testsuites"))
    {
        assert_eq!(suite.attribute("tests"), Some(count("testcase").as_str()));
        assert_eq!(suite.attribute("failures"), Some(count("failure").as_str()));
        assert_eq!(suite.attribute("errors"), Some(count("error").as_str()));
    }
    assert_eq!((count("testcase"), count("failure"), count("error")), ("4".into(), "2".into(), "1".into()));
    let names: Vec<_> = document.descendants().filter_map(|node| node.attribute("name")).collect();
    assert!(names.contains(&"allocs of function parse|<&\"\\|`"), "{names:?}");
}

#[test]
fn markdown_is_a_table_of_as_many_cells_in_each_row_and_nothing_else() {
    let text = written(&desk(), "markdown");
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 2 + 4, "{text}");
    for row in rows {
        let cells = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert_eq!(cells, 5, "{row}");
    }
    let plain = text.replace("<br>", "");
    assert!(!plain.contains('<') && !plain.contains('\u{1b}'), "{text}");
    let is_bare = |at: usize| !text[..at].ends_with('\\');
    assert!(text.match_indices('`').all(|(at, _)| !is_bare(at)), "{text}");
}

#[test]
fn markdown_stays_below_what_github_shows() {
    let desk = Desk::new();
    let names: Vec<String> = (0..9000).map(|i| format!("{}{i}", "a_long_name".repeat(9))).collect();
    let stacks: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let blocks: Vec<_> = stacks.iter().map(|stack| (&stack[..], 100, 5, 5)).collect();
    desk.profile("p", 1, &blocks);
    desk.budgets("[each-stack]\nleaked = 1\n");
    let text = written(&desk, "markdown");
    assert!(text.len() < 1 << 20, "{}", text.len());
    let rows = text.lines().filter(|line| line.starts_with("| ❌")).count();
    assert!(text.contains(&format!("\n{} more rows\n", 9000 - rows)), "{rows}");
}

/// Its kind, its properties and its message.
type Command = (String, Vec<(String, String)>, String);

/// What GitHub's runner makes of a line (ActionCommand.cs): a command with properties and a message.
fn command(line: &str) -> Option<Command> {
    let unescaped = |text: &str| {
        let text = text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
        text.replace("%25", "%")
    };
    let (head, message) = line.strip_prefix("::")?.split_once("::")?;
    let (kind, properties) = head.split_once(' ')?;
    let properties = properties.split(',').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap();
        (key.to_owned(), unescaped(value))
    });
    Some((kind.to_owned(), properties.collect(), unescaped(message)))
}

#[test]
fn github_gets_annotations_with_a_place_that_say_what_text_says() {
    let text = written(&desk(), "github");
    let commands: Vec<_> = text.lines().filter_map(command).collect();
    let kinds: Vec<_> = commands.iter().map(|command| command.0.as_str()).collect();
    assert_eq!(kinds, ["error", "error", "warning"], "{text}");
    for (_, properties, _) in &commands {
        let keys: Vec<_> = properties.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["file", "line", "title"]);
        assert_eq!(properties[0].1, "heaptrace.toml", "there is no src/app.c here");
    }
    assert!(text.lines().filter(|line| line.starts_with("::")).count() == 3, "{text}");
    assert!(commands.iter().any(|(_, _, message)| message.contains("::error::x")), "as text: {text}");
}

#[test]
fn annotations_are_at_the_line_of_code_that_costs_most_if_it_is_there() {
    let desk = desk();
    std::fs::create_dir(desk.path("src")).unwrap();
    desk.write("src/app.c", "\n");
    let text = written(&desk, "github");
    let (_, properties, _) = command(text.lines().next().unwrap()).unwrap();
    assert_eq!((properties[0].1.as_str(), properties[1].1.as_str()), ("src/app.c", "7"));
}

#[test]
fn there_are_ten_annotations_at_most_the_worst_first_and_the_rest_is_counted() {
    let desk = Desk::new();
    let names: Vec<String> = (0..15).map(|i| format!("f{i}")).collect();
    let stacks: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let blocks: Vec<_> = (1..).zip(&stacks).map(|(count, stack)| (&stack[..], 100, count, count)).collect();
    desk.profile("p", 1, &blocks);
    desk.budgets("[each-stack]\nleaked = 1\n");
    let text = written(&desk, "github");
    let commands: Vec<_> = text.lines().filter_map(command).collect();
    assert_eq!(commands.len(), 10);
    assert!(commands[0].2.starts_with("1,500 B") && commands[9].2.starts_with("600 B"), "{text}");
    assert!(text.contains("\n5 more over budget or undecided\n"), "{text}");
}

#[test]
fn python_reads_the_xml_too() {
    let desk = desk();
    desk.write("v.xml", written(&desk, "junit"));
    let script =
        "import sys, xml.etree.ElementTree as e; print(len(e.parse(sys.argv[1]).findall('.//testcase')))";
    let output =
        std::process::Command::new("python3").args(["-c", script]).arg(desk.path("v.xml")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4", "{output:?}");
}
