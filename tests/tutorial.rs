//! docs/tutorial.md and README.md, played: every command is run, and what it prints is what the page shows.
//!
//! A block ```` ```console ```` has commands, which begin with `$ `, each with what it prints. With
//! `head=N` only the first N lines of what each prints are shown. Numbers, widths, the order of rows and the folder differ
//! from run to run, so they count as equal; all else has to be. `TUTORIAL_UPDATE=1` writes what was printed into the page.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder as the page shows it.
const SHOWN_FOLDER: &str = "/home/you/heaptrace";

/// Where a program is watched, as the page shows it.
const SHOWN_ADDRESS: &str = "127.0.0.1:6060";

/// What ends a part of what is printed.
const ELLIPSIS: &str = "…";

fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// A command of the page, with what it prints.
struct Step {
    command: String,
    shown: Vec<String>,
    head: Option<usize>,
}

/// A part of a page.
enum Piece {
    Text(String),
    Block { fence: String, steps: Vec<Step> },
}

fn pieces(page: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(options) = line.strip_prefix("```console") else {
            pieces.push(Piece::Text(line.to_owned()));
            continue;
        };
        let head = options.trim().strip_prefix("head=").map(|count| count.parse().unwrap());
        let mut steps: Vec<Step> = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step { command: command.to_owned(), shown: Vec::new(), head }),
                None => steps.last_mut().expect("a block begins with a command").shown.push(line.to_owned()),
            }
        }
        pieces.push(Piece::Block { fence: line.to_owned(), steps });
    }
    pieces
}

fn steps(pieces: &[Piece]) -> impl Iterator<Item = &Step> {
    pieces.iter().flat_map(|piece| match piece {
        Piece::Text(_) => &[],
        Piece::Block { steps, .. } => &steps[..],
    })
}

/// Runs all commands in one shell, in a copy of the folder; returns what each printed.
fn play(commands: &[&str]) -> Vec<Vec<String>> {
    const MARK: &str = "@@@ next @@@";
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("scripts/tutorial");
    fs::create_dir_all(&programs).unwrap();
    for entry in fs::read_dir(repository().join("scripts/tutorial")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), programs.join(entry.file_name())).unwrap();
    }
    let address = free_address();
    let mut script = "exec 2>&1\n".to_owned();
    for command in commands {
        let command = command.replace(SHOWN_ADDRESS, &address);
        writeln!(script, "{command}\nprintf '\\n%s\\n' '{MARK}'").unwrap();
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_heaptrace")).parent().unwrap();
    let paths = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(script).current_dir(folder.path()).stdin(Stdio::null());
    shell.env("PATH", format!("{}:{paths}", binaries.display())).env("TZ", "UTC").env("HOME", folder.path());
    if let Ok(home) = std::env::var("HOME") {
        // rustc is where rustup put it.
        shell.env("RUSTUP_HOME", std::env::var("RUSTUP_HOME").unwrap_or(format!("{home}/.rustup")));
        shell.env("CARGO_HOME", std::env::var("CARGO_HOME").unwrap_or(format!("{home}/.cargo")));
    }
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace(folder.path().to_str().unwrap(), SHOWN_FOLDER).replace(&address, SHOWN_ADDRESS);
    let printed: Vec<_> = text.split(&format!("\n{MARK}\n")).map(lines).collect();
    assert_eq!(printed.len(), commands.len() + 1, "{text}");
    printed[..commands.len()].to_vec()
}

/// An address at which nobody listens.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Said where so much else runs on the machine that the kernel cannot tell of all of it.
const WHERE_BUSY: &str = "heaptrace: more processes than these may not have been profiled";

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with(WHERE_BUSY));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// What of the printed lines the page shows.
fn shown_of(printed: &[String], head: Option<usize>) -> Vec<String> {
    let mut printed = printed.to_vec();
    if let Some(head) = head.filter(|&head| head < printed.len()) {
        printed.truncate(head);
        printed.push(ELLIPSIS.to_owned());
    }
    while printed.last().is_some_and(String::is_empty) {
        printed.pop();
    }
    printed
}

/// A line without what differs from run to run.
fn normalized(line: &str) -> String {
    let mut normal = String::new();
    let mut characters = line.chars().peekable();
    let (mut before, mut last) = (' ', ' ');
    while let Some(c) = characters.next() {
        match c {
            // A line of a source file is no number that differs.
            '0'..='9' if last == ':' && before.is_alphabetic() => {
                normal.push(c);
                while let Some(c) = characters.next_if(char::is_ascii_digit) {
                    normal.push(c);
                }
            }
            '0'..='9' => {
                while characters.next_if(|&c| c.is_ascii_digit() || ",.".contains(c)).is_some() {}
                normal.push('#');
            }
            '▁'..='█' => {
                while characters.next_if(|c| ('▁'..='█').contains(c)).is_some() {}
                normal.push('█');
            }
            c => normal.push(c),
        }
        (before, last) = (last, c);
    }
    // What goes with a number, and changes with it.
    for unit in ["kB", "MB", "GB", " B", " KiB", " MiB", "ms", "s"] {
        normal = normal.replace(&format!("#{unit}"), "#");
    }
    normal = normal.replace("blocks", "block").replace("samples", "sample");
    if let Some((speed, _)) = normal.split_once("/s: ") {
        normal.truncate(speed.len());
    }
    normal.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn written(pieces: &[Piece], printed: &[Vec<String>]) -> String {
    let mut page = String::new();
    let mut printed = printed.iter();
    for piece in pieces {
        match piece {
            Piece::Text(line) => writeln!(page, "{line}").unwrap(),
            Piece::Block { fence, steps } => {
                writeln!(page, "{fence}").unwrap();
                for step in steps {
                    writeln!(page, "$ {}", step.command).unwrap();
                    for line in shown_of(printed.next().unwrap(), step.head) {
                        writeln!(page, "{line}").unwrap();
                    }
                }
                writeln!(page, "```").unwrap();
            }
        }
    }
    page
}

/// Plays a page after some commands that it does not show.
fn assert_shows_what_is_printed(page: &str, before: &[&str]) {
    let path = repository().join(page);
    let page = fs::read_to_string(&path).unwrap();
    let pieces = pieces(&page);
    let shown = steps(&pieces).map(|step| step.command.as_str());
    let printed = &play(&before.iter().copied().chain(shown).collect::<Vec<_>>())[before.len()..];
    if std::env::var_os("TUTORIAL_UPDATE").is_some() {
        fs::write(&path, written(&pieces, printed)).unwrap();
        return;
    }
    // Rows of about the same value may change places.
    let normal = |lines: &[String]| {
        let mut normal: Vec<_> = lines.iter().map(|line| normalized(line)).collect();
        normal.sort();
        normal
    };
    for (step, printed) in steps(&pieces).zip(printed) {
        let printed = shown_of(printed, step.head);
        assert_eq!(normal(&step.shown), normal(&printed), "$ {}: {printed:#?}", step.command);
    }
}

#[test]
fn the_tutorial_shows_what_its_commands_print() {
    assert_shows_what_is_printed("docs/tutorial.md", &[]);
}

#[test]
fn the_readme_s_first_screen_shows_what_its_commands_print() {
    let build = ["cd scripts/tutorial", "g++ -g -O1 -o before before.cpp"];
    assert_shows_what_is_printed("README.md", &build);
}

/// Blocks and bytes that a program of the tutorial allocates.
fn allocated(program: &str) -> [f64; 2] {
    let compile = match program.split_once('.') {
        Some((name, _)) => format!("rustc --edition 2024 -O -o {program} {name}.rs"),
        None => format!("g++ -O1 -o {program} {program}.cpp"),
    };
    let run = format!("heaptrace run -q -r 1 -o p -- ./{program}");
    let report = |index| format!("heaptrace report --json -s {index} p");
    let (objects, space) = (report("alloc_objects"), report("alloc_space"));
    let printed = play(&["cd scripts/tutorial", &compile, &run, &objects, &space]);
    [3, 4].map(|step| {
        let report: serde_json::Value = serde_json::from_str(&printed[step].join("\n")).unwrap();
        report["total"].as_f64().unwrap()
    })
}

#[test]
fn the_fixed_programs_make_a_tenth_of_the_allocations_and_a_fifth_of_the_bytes() {
    for programs in [["before", "after"], ["before.rust", "after.rust"]] {
        let [old, new] = programs.map(allocated);
        assert!((9.5..10.5).contains(&(old[0] / new[0])), "{programs:?}: {old:?} {new:?}");
        assert!((4.5..5.5).contains(&(old[1] / new[1])), "{programs:?}: {old:?} {new:?}");
    }
}
