//! Man pages and completions, as those programs read them that they are for.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use support::wanted::has;
use support::{HEAPTRACE, Room, print_of};

/// A prefix in which they are.
fn written(room: &Room) -> PathBuf {
    let prefix = room.path("usr");
    print_of(HEAPTRACE, &["pages".as_ref(), prefix.as_os_str()]);
    prefix
}

/// The commands that `--help` lists.
fn commands() -> Vec<String> {
    let help = print_of(HEAPTRACE, &["--help".as_ref()]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_has_a_man_page_that_troff_reads_without_a_warning() {
    let room = Room::new();
    let pages = written(&room).join("share/man/man1");
    let mut expected: Vec<_> = commands().iter().map(|name| format!("heaptrace-{name}.1")).collect();
    expected.push("heaptrace.1".to_owned());
    expected.sort();
    let mut found: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, expected);
    if !has("groff") {
        return;
    }
    for page in found {
        let groff = Command::new("groff")
            .args(["-Kutf8", "-man", "-Tutf8", "-ww"])
            .arg(pages.join(&page))
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&groff.stderr);
        assert!(groff.status.success() && complaints.is_empty(), "{page}: {complaints}");
        assert!(String::from_utf8_lossy(&groff.stdout).contains(&page.replace(".1", "(1)")), "{page}");
    }
}

#[test]
fn bash_completes_commands_and_their_options() {
    let room = Room::new();
    let file = written(&room).join("share/bash-completion/completions/heaptrace");
    let complete = |words: &str| {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _heaptrace heaptrace \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        print_of("bash", &["-c".as_ref(), script.as_ref()])
    };
    assert_eq!(complete("heaptrace rep").trim(), "report");
    assert!(complete("heaptrace run --ra").contains("--rate"));
    assert!(complete("heaptrace report --sample").contains("--sample-index"));
    let all = complete("heaptrace ''");
    assert!(commands().iter().all(|name| all.contains(name.as_str())), "{all}");
    assert!(!all.contains("collect"), "what is hidden is not offered: {all}");
}
