//! The screen, as somebody sees it who presses keys.

use heaptrace_pprof::proto::{Function, Label, Line, Location, Mapping, Profile, Sample, ValueType};
use heaptrace_pprof::{StringTable, encode};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::draw::{draw, text};
use super::keys::{Wish, press};
use super::sight::Sight;
use super::state::{News, Page, Screen};
use super::watched::{Choice, Watched};

const KIB: i64 = 1024;

/// Functions from the leaf on, the bytes that they allocated, and how many of those are in use.
type Stack<'a> = (&'a [&'a str], i64, i64);

/// A profile of so many seconds, recorded at rate 1.
fn sight(seconds: i64, stacks: &[Stack]) -> Box<Sight> {
    recorded("./server --port 1", seconds, stacks)
}

fn recorded(command: &str, seconds: i64, stacks: &[Stack]) -> Box<Sight> {
    let mut strings = StringTable::default();
    strings.index("");
    let mut value_type = |name, unit| ValueType { r#type: strings.index(name), unit: strings.index(unit) };
    let mut profile = Profile {
        sample_type: vec![
            value_type("alloc_objects", "count"),
            value_type("alloc_space", "bytes"),
            value_type("inuse_objects", "count"),
            value_type("inuse_space", "bytes"),
        ],
        period_type: Some(value_type("space", "bytes")),
        period: 1,
        time_nanos: 1_000_000_000_000_000_000,
        duration_nanos: seconds * 1_000_000_000,
        ..Profile::default()
    };
    let comments = [format!("command: {command}"), "pid: 7".to_owned(), "samples: 5000".to_owned()];
    profile.comment = comments.iter().map(|text| strings.index(text)).collect();
    let files = ["/usr/local/bin/server", "/lib/libc.so.6"];
    for (id, file) in (1..).zip(files) {
        profile.mapping.push(Mapping {
            id,
            filename: strings.index(file),
            has_functions: true,
            ..Mapping::default()
        });
    }
    let mut functions: Vec<&str> = Vec::new();
    for &(names, allocated, in_use) in stacks {
        let mut location_id = Vec::new();
        for &name in names {
            let at = functions.iter().position(|known| *known == name).unwrap_or_else(|| {
                functions.push(name);
                functions.len() - 1
            });
            location_id.push(at as u64 + 1);
        }
        let label = Label { key: strings.index("bytes"), num: KIB, ..Label::default() };
        let value = vec![allocated / KIB, allocated, in_use / KIB, in_use];
        profile.sample.push(Sample { location_id, value, label: vec![label], cohorts: None });
    }
    for (id, &name) in (1..).zip(&functions) {
        let is_library = name.starts_with("lib_");
        let filename =
            if is_library { strings.index("/usr/include/lib.h") } else { strings.index("/src/server.c") };
        profile.function.push(Function { id, name: strings.index(name), filename, ..Function::default() });
        let line = vec![Line { function_id: id, line: 10 + id as i64, column: 0 }];
        profile.location.push(Location {
            id,
            mapping_id: 1 + u64::from(is_library),
            line,
            ..Location::default()
        });
    }
    profile.string_table = strings.table;
    Box::new(Sight::new(&encode(&profile)).unwrap())
}

/// A server that was looked at so many times: `cache` stays, `leak` grows, `parse` allocates only.
fn watched(times: i64) -> Screen {
    let mut screen = Screen::new(false);
    for second in 1..=times {
        screen.see(News::Sight(server(second), 1.0));
    }
    screen
}

fn server(second: i64) -> Box<Sight> {
    sight(
        second,
        &[
            (&["lib_new", "cache", "main"], 800 * KIB, 800 * KIB),
            (&["leak", "serve", "main"], 100 * KIB * second, 100 * KIB * second),
            (&["parse", "serve", "main"], 900 * KIB * second, 0),
        ],
    )
}

fn picture(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(screen, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

fn shows(screen: &mut Screen, text: &str) -> bool {
    picture(screen, 100, 30).iter().any(|row| row.contains(text))
}

fn key(screen: &mut Screen, code: KeyCode) -> Wish {
    let wish = press(screen, KeyEvent::new(code, KeyModifiers::NONE));
    picture(screen, 100, 30); // as after each key
    wish
}

fn keys(screen: &mut Screen, text: &str) {
    for character in text.chars() {
        key(screen, KeyCode::Char(character));
    }
}

/// The names of the rows, from the top.
fn names(screen: &Screen) -> Vec<&str> {
    screen.lines.iter().map(|line| line.name.split(' ').next().unwrap()).collect()
}

#[test]
fn the_table_has_the_lines_of_own_code_with_what_they_hold_and_how_that_changes() {
    let rows = picture(&mut watched(5), 80, 24);
    assert_eq!(rows[0], format!(" ./server --port 1 (pid 7){}● every 1s", " ".repeat(43)));
    assert_eq!(rows[1], "in use     1.27MB in 1,300 blocks");
    assert_eq!(rows[2], "allocates  1000kB/s: moderate; 5.66MB since the start");
    assert_eq!(rows[3], "sampled    every allocation, 5,000 samples, none lost");
    let table: Vec<&str> = rows[5..9].iter().map(String::as_str).collect();
    assert_eq!(
        table,
        [
            " in use ▼      growth       alloc in use       own code, by line",
            "    800kB                                █████ cache server.c:12",
            "    500kB   +5.86MB/m     100kB/s        ▂▄▅▇█ leak server.c:14",
            "        0                 900kB/s              parse server.c:16",
        ]
    );
    assert_eq!(
        rows[23].trim_start(),
        "Enter open  s sort  o own/all  / search  Space freeze  ? help  q quit"
    );
}

#[test]
fn rows_are_sorted_by_what_is_in_use_by_growth_or_by_what_is_allocated() {
    let mut screen = watched(5);
    assert_eq!(names(&screen), ["cache", "leak", "parse"]);
    keys(&mut screen, "g");
    assert_eq!(names(&screen), ["leak", "cache", "parse"]);
    keys(&mut screen, "a");
    assert_eq!(names(&screen), ["parse", "leak", "cache"]);
    keys(&mut screen, "s");
    assert_eq!(names(&screen), ["cache", "leak", "parse"]);
    keys(&mut screen, "o");
    assert_eq!(names(&screen), ["lib_new", "leak", "parse"], "all functions");
}

#[test]
fn the_chosen_row_stays_chosen_wherever_it_goes() {
    let mut screen = watched(5);
    key(&mut screen, KeyCode::Down);
    assert_eq!(screen.position(), 1);
    screen.see(News::Sight(server(50), 1.0));
    assert_eq!((names(&screen)[0], screen.position()), ("leak", 0));
    key(&mut screen, KeyCode::End);
    assert_eq!(screen.position(), 2);
    key(&mut screen, KeyCode::PageUp);
    assert_eq!(screen.position(), 0);
}

#[test]
fn a_search_leaves_the_rows_that_have_it_in_their_name() {
    let mut screen = watched(3);
    keys(&mut screen, "/LE");
    assert_eq!(names(&screen), [""; 0]);
    assert!(shows(&mut screen, "no row has that in its name"));
    key(&mut screen, KeyCode::Backspace);
    key(&mut screen, KeyCode::Backspace);
    keys(&mut screen, "eq");
    key(&mut screen, KeyCode::Backspace);
    key(&mut screen, KeyCode::Enter);
    assert_eq!(names(&screen), ["cache", "leak", "parse"], "the file has it");
    keys(&mut screen, "/ak");
    assert_eq!(names(&screen), ["leak"], "it goes on where it was");
    key(&mut screen, KeyCode::Esc);
    keys(&mut screen, "/leak");
    key(&mut screen, KeyCode::Enter);
    assert_eq!(names(&screen), ["leak"]);
    assert_eq!(key(&mut screen, KeyCode::Esc), Wish::Nothing);
    assert_eq!(names(&screen).len(), 3);
}

#[test]
fn a_function_is_looked_into_from_caller_to_caller_and_back() {
    let mut screen = watched(3);
    keys(&mut screen, "a");
    key(&mut screen, KeyCode::Enter);
    let rows = picture(&mut screen, 80, 24);
    assert_eq!(rows[1], "parse  allocated");
    assert_eq!(rows[2], " 1 callers   2 source   3 tree   4 traces   5 growth");
    assert_eq!(rows[4], "    2700kB  100.0% ▇▇▇▇▇▇▇▇ called by serve");
    assert_eq!(rows[5], "    2700kB  100.0% ▇▇▇▇▇▇▇▇           parse");
    key(&mut screen, KeyCode::Enter);
    let rows = picture(&mut screen, 80, 24);
    assert_eq!(rows[1], "serve  allocated");
    assert_eq!(rows[6], "    2700kB   90.0% ▇▇▇▇▇▇▇  calls     parse");
    key(&mut screen, KeyCode::Esc);
    assert!(shows(&mut screen, "parse  allocated"));
    keys(&mut screen, "ii");
    assert!(shows(&mut screen, "in use") && shows(&mut screen, "nothing in use here"));
    key(&mut screen, KeyCode::Esc);
    assert!(matches!(screen.page, Page::Table));
}

#[test]
fn a_function_has_the_views_of_report() {
    let mut screen = watched(3);
    keys(&mut screen, "g");
    key(&mut screen, KeyCode::Enter);
    for (digit, expected) in [
        ('2', "ROUTINE ======================== leak in /src/server.c"),
        ('3', "| leak"),
        ('4', "300kB   leak"),
        ('5', "this profile does not say when its blocks were allocated"),
    ] {
        keys(&mut screen, &digit.to_string());
        assert!(shows(&mut screen, expected), "{:#?}", picture(&mut screen, 100, 30));
    }
    key(&mut screen, KeyCode::Tab);
    assert!(shows(&mut screen, "called by serve"));
}

#[test]
fn a_frozen_screen_stays_as_it_is() {
    let mut screen = watched(3);
    assert_eq!(key(&mut screen, KeyCode::Char(' ')), Wish::Freeze(true));
    let before = picture(&mut screen, 100, 30);
    assert!(before[0].ends_with("∥ frozen"));
    screen.see(News::Sight(server(40), 1.0));
    assert_eq!(picture(&mut screen, 100, 30), before);
    assert_eq!(key(&mut screen, KeyCode::Char(' ')), Wish::Freeze(false));
    screen.see(News::Sight(server(40), 1.0));
    assert_ne!(picture(&mut screen, 100, 30), before);
}

#[test]
fn what_was_seen_last_of_a_program_that_has_ended_stays() {
    let mut screen = watched(3);
    screen.see(News::Gone("it is over".to_owned()));
    assert!(shows(&mut screen, "ended at") && shows(&mut screen, "it is over"));
    assert!(shows(&mut screen, "cache server.c:12"));
    key(&mut screen, KeyCode::Enter);
    assert!(shows(&mut screen, "called by main"));
}

#[test]
fn a_profile_that_was_not_to_be_had_is_no_end() {
    let mut screen = watched(3);
    screen.see(News::Missed("the session has no time".to_owned()));
    assert!(shows(&mut screen, "the session has no time") && shows(&mut screen, "● every 1s"));
    key(&mut screen, KeyCode::Down);
    assert!(!shows(&mut screen, "the session has no time"));
}

#[test]
fn a_process_that_executes_another_program_is_looked_at_anew() {
    let mut screen = watched(5);
    screen.see(News::Sight(recorded("./other", 1, &[(&["work", "main"], KIB, KIB)]), 1.0));
    assert_eq!(names(&screen), ["work"]);
    assert!(!shows(&mut screen, "leak") && shows(&mut screen, "./other (pid 7)"));
}

#[test]
fn a_program_is_chosen_from_a_list_and_another_one_after_it() {
    let mut screen = Screen::new(true);
    let choice = |pid, command: &str| Choice {
        pid,
        command: command.to_owned(),
        seconds: 75,
        in_use: KIB,
        samples: 1000,
    };
    screen.see(News::Programs(vec![choice(3, "redis-server"), choice(9, "nginx")]));
    assert!(shows(&mut screen, "       9    1m15s      1,000        1kB nginx"));
    key(&mut screen, KeyCode::Down);
    screen.see(News::Programs(vec![choice(2, "cc"), choice(3, "redis-server"), choice(9, "nginx")]));
    assert_eq!(key(&mut screen, KeyCode::Enter), Wish::Watch(9));
    assert!(shows(&mut screen, "waiting for the first profile"));
    screen.see(News::Sight(server(1), 1.0));
    assert!(shows(&mut screen, "cache server.c:12"));
    assert_eq!(key(&mut screen, KeyCode::Esc), Wish::List);
    screen.see(News::Programs(Vec::new()));
    assert!(shows(&mut screen, "no program of yours is being profiled any more"));
}

#[test]
fn the_help_has_all_keys_and_goes_at_any_of_them() {
    let mut screen = watched(3);
    keys(&mut screen, "?");
    for text in ["Ctrl-Z", "sort by what is in use", "any key closes this", "over the last minute"] {
        assert!(shows(&mut screen, text), "{text}");
    }
    keys(&mut screen, "g");
    assert!(!shows(&mut screen, "any key closes this"));
    assert_eq!(names(&screen)[0], "cache", "that key did nothing else");
}

#[test]
fn keys_leave_and_stop() {
    let mut screen = watched(1);
    let control = |screen: &mut Screen, character| {
        press(screen, KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL))
    };
    assert_eq!(control(&mut screen, 'z'), Wish::Stop);
    keys(&mut screen, "/");
    assert_eq!(control(&mut screen, 'c'), Wish::Quit, "while a search is typed, too");
    key(&mut screen, KeyCode::Esc);
    assert_eq!(key(&mut screen, KeyCode::Char('q')), Wish::Quit);
}

#[test]
fn a_terminal_of_any_size_shows_what_it_has_room_for() {
    let pages: [&[KeyCode]; 5] = [
        &[],
        &[KeyCode::Char('?')],
        &[KeyCode::Char('/')],
        &[KeyCode::Enter],
        &[KeyCode::Enter, KeyCode::Char('2'), KeyCode::Right, KeyCode::End],
    ];
    for codes in pages {
        let mut screen = watched(4);
        for &code in codes {
            key(&mut screen, code);
        }
        for (width, height) in
            (1..130).step_by(16).flat_map(|width| (1..50).step_by(6).map(move |h| (width, h)))
        {
            picture(&mut screen, width, height);
        }
    }
    let rows = picture(&mut watched(4), 40, 12);
    assert!(rows.iter().any(|row| row == "    800kB             cache server.c:12"), "{rows:#?}");
    assert!(picture(&mut watched(4), 30, 8).iter().any(|row| row == "    800kB cache server.c:12"));
}

#[test]
fn help_that_is_longer_than_the_screen_is_gone_through_and_its_lines_keep_their_column() {
    let mut screen = watched(4);
    let key = |screen: &mut Screen, code| press(screen, KeyEvent::new(code, KeyModifiers::NONE));
    key(&mut screen, KeyCode::Char('?'));
    let rows = picture(&mut screen, 60, 12);
    assert!(rows[2].contains("    Enter  look into the function: callers, source, tree,"), "{rows:#?}");
    assert!(rows[3].contains("│           traces, growth "), "{rows:#?}");
    assert!(rows.iter().any(|row| row.contains(" ↑ ↓ go on; others close this ")), "{rows:#?}");
    key(&mut screen, KeyCode::End);
    let rows = picture(&mut screen, 60, 12);
    assert!(rows[9].contains("nor an allocator's"), "{rows:#?}");
    key(&mut screen, KeyCode::Up);
    assert_eq!(picture(&mut screen, 60, 12)[3], rows[2]);
    key(&mut screen, KeyCode::Esc);
    assert!(screen.explained.is_none());
    key(&mut screen, KeyCode::Char('?'));
    assert!(picture(&mut screen, 120, 40).iter().any(|row| row.contains(" any key closes this ")));
    key(&mut screen, KeyCode::Down);
    assert!(screen.explained.is_none());
}

/// Has this run again on a terminal, where it draws and meets a fault.
#[test]
fn a_fault_leaves_the_terminal_as_it_was() {
    const AGAIN: &str = "HEAPTRACE_TEST_FAULT";
    struct Faulty;
    impl Watched for Faulty {
        fn choices(&mut self) -> Vec<Choice> {
            panic!("on purpose")
        }
        fn profile(&mut self, _: u32) -> anyhow::Result<Vec<u8>> {
            panic!("on purpose")
        }
    }
    if std::env::var_os(AGAIN).is_some() {
        let fault = super::run(Faulty, Some(1), std::time::Duration::from_secs(1)).unwrap_err();
        assert_eq!(fault.to_string(), super::words::OVER);
        return;
    }
    let test = std::env::current_exe().unwrap();
    let name = "screen::tests::a_fault_leaves_the_terminal_as_it_was";
    let again = format!("{AGAIN}=1 {} --exact {name} --nocapture", test.display());
    let mode = "echo mode=$(stty -g)=";
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &format!("{mode}; {again}; echo ended $?; {mode}"), "/dev/null"]);
    let output = script.output().unwrap().stdout;
    let output = String::from_utf8_lossy(&output);
    let [entered, left, told] = ["\x1b[?1049h", "\x1b[?1049l", "on purpose"].map(|text| output.find(text));
    assert!(entered.is_some() && entered < left && left < told, "{output:?}");
    assert!(output.contains("\x1b[?25h") && output.contains("ended 0"), "{output:?}");
    let modes: Vec<_> = output.split("mode=").skip(1).map(|rest| rest.split('=').next()).collect();
    assert!(modes.len() == 2 && modes[0] == modes[1], "{output:?}");
}

#[test]
fn before_the_first_profile_and_without_a_row_it_says_so() {
    let mut screen = Screen::new(false);
    assert!(shows(&mut screen, "waiting for the first profile"));
    screen.see(News::Sight(sight(1, &[]), 1.0));
    assert!(shows(&mut screen, "nothing is in use, and nothing was allocated"));
    assert_eq!(key(&mut screen, KeyCode::Enter), Wish::Nothing);
}

#[test]
fn as_text_it_has_all_rows_with_whole_names() {
    assert_eq!(
        text(&watched(5)),
        [
            "   in use     ±      growth       alloc own code, by line",
            "    800kB    0%                         cache server.c:12",
            "    500kB    0%   +5.86MB/m     100kB/s leak server.c:14",
            "        0                       900kB/s parse server.c:16",
        ]
    );
}
