//! Machine code, and source in a browser.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fixtures;
use crate::support::{Folder, go_profiles, pprof_text, report, report_error, report_text};
use crate::wanted::has;

/// The instructions that hold something: flat, cum, address.
fn instructions(text: &str) -> Vec<Vec<&str>> {
    let words = text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>());
    let holds = |words: &Vec<&str>| words.len() == 3 && words[2].ends_with(':') && words[1] != ".";
    words.filter(holds).collect()
}

#[test]
fn each_instruction_holds_what_it_does_in_pprof() {
    if !has("go") || !has("objdump") {
        return;
    }
    let file = go_profiles().join("after.prof");
    let file = file.to_str().unwrap();
    for options in [&["-alloc_space"][..], &["-inuse_objects", "-focus=concat"], &["-alloc_space", "-mean"]] {
        let ours = report_text(&[&["-disasm=main[.]"], options, &[file]].concat());
        let theirs = pprof_text(&[&["-disasm=main[.]"], options, &[file]].concat());
        assert!(instructions(&ours).len() > 1, "{ours}");
        assert_eq!(instructions(&ours), instructions(&theirs), "{options:?}");
        let heads = |text: &str| -> Vec<String> {
            let is_head = |line: &&str| line.starts_with("ROUTINE") || line.contains("(flat, cum)");
            text.lines().filter(is_head).map(str::to_owned).collect()
        };
        // The sums there are no averages in pprof.
        assert!(options.contains(&"-mean") || heads(&ours) == heads(&theirs), "{ours}{theirs}");
    }
    let address = report_text(&["-disasm=main[.]", "-alloc_space", file]);
    let [_, _, address] = instructions(&address)[0][..] else { panic!("{address}") };
    let address = format!("0x{}", address.trim_end_matches(':'));
    let intel = report_text(&["--disasm", &address, "--intel-syntax", "-s", "alloc_space", file]);
    assert!(intel.matches("ROUTINE").count() == 1 && intel.contains("mov    QWORD PTR [rsp"), "{intel}");
}

#[test]
fn what_keeps_code_from_being_shown_is_said() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let gone = report_error(&["--disasm", "main", &file]);
    assert_eq!(gone, "/usr/bin/orders is not there; PPROF_BINARY_PATH says where else to look for it");
    assert_eq!(report_error(&["--disasm", "nobody", &file]), "no function matches nobody");

    let mut here = fixtures::heaptrace();
    here.profile.mapping[0].filename = here.string(env!("CARGO_BIN_EXE_heaptrace"));
    here.profile.mapping[0].build_id = here.string("00");
    let file = folder.profile("other.prof", &here);
    let other = report_error(&["--disasm", "main", &file]);
    assert!(other.ends_with("is another build than the one that was profiled"), "{other}");

    if !has("go") {
        return;
    }
    let go = go_profiles().join("after.prof");
    let output = report(&["--disasm", "^main", go.to_str().unwrap()]).env("PATH", folder.root()).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert_eq!(said, "heaptrace: there is no objdump to disassemble with; install binutils\n");
}

#[test]
fn source_is_shown_in_a_browser() {
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    let browser =
        folder.file("browser", format!("#!/bin/sh\necho \"$1\" > {}\n", folder.path("fifo").display()));
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    // Opening a fifo waits for who is at its other end.
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let mut weblist = report(&["--weblist", "orders::(load|x)", "--focus", "main", &file]);
    let weblist = weblist.env("BROWSER", &browser).env("TMPDIR", folder.root()).status().unwrap();
    assert!(weblist.success());
    let address = fs::read_to_string(folder.path("fifo")).unwrap();
    let page = folder.path("heaptrace001.html");
    let place = "/source?f=main&p=orders%3A%3A%28load%7Cx%29";
    assert_eq!(address, format!("file://{}#{place}\n", page.display()));
    assert!(fs::read_to_string(page).unwrap().starts_with("<!"));

    let page = folder.path("a page.html");
    let output = report(&["--weblist=load", "-o", page.to_str().unwrap(), &file]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let place = format!("file://{}/a%20page.html#/source?p=load", folder.root().display());
    assert_eq!(said, format!("heaptrace: open {place}\n"));
    assert!(page.exists());
    assert_eq!(report_error(&["--weblist", "nobody", &file]), "no function matches nobody");
}

#[test]
fn comments_are_those_of_the_writers() {
    if !has("go") {
        return;
    }
    let folder = Folder::new();
    let file = folder.profile("own.prof", &fixtures::heaptrace());
    assert_eq!(report_text(&["--comments", &file]), pprof_text(&["-comments", &file]));
}
