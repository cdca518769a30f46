//! Endpoints and debuginfod servers that are behind `https://`, with certificates that the user trusts.

use std::process::{Command, Output};

use super::served::Served;
use crate::support::tls::Secure;
use crate::support::{HEAPTRACE, Room};

const UNKNOWN: &str = "invalid peer certificate: UnknownIssuer";

/// A variable that names nothing of use, and what is said of it.
fn assert_refused(output: &Output, variable: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("{variable} is to name trusted certificates: ")), "{said}");
}

#[test]
fn report_trusts_the_certificates_that_the_user_does() {
    let room = Room::new();
    let mut served = Served::start(&room);
    served.tell("keep 10 100");
    let Some(secure) = Secure::before(&served.place) else { return };
    let report = |variable: &str, value: &str| {
        let mut command = Command::new(HEAPTRACE);
        command.args(["report", "--folded", &format!("{}/debug/pprof/heap", secure.url)]);
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(variable, value).output().unwrap()
    };
    let [authority, folder] =
        [&secure.authority, secure.folder()].map(|path| path.to_str().unwrap().to_owned());
    for (variable, value) in [("SSL_CERT_FILE", authority), ("SSL_CERT_DIR", format!("/nowhere:{folder}"))] {
        let output = report(variable, &value);
        assert!(output.status.success(), "{variable}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("keep"), "{output:?}");
        let output = report(variable, "/dev/null");
        assert_eq!(output.status.code(), Some(1));
        assert_refused(&output, variable);
    }
    let output = report("SSL_CERT_FILE", "");
    assert!(String::from_utf8_lossy(&output.stderr).contains(UNKNOWN), "{output:?}");
}

#[test]
fn debuginfod_servers_are_asked_if_the_user_trusts_their_certificates() {
    let room = Room::new();
    let served = Served::start(&room);
    let Some(secure) = Secure::before(&served.place) else { return };
    let stripped = room.path("stripped");
    let strip =
        Command::new("strip").arg("-o").arg(&stripped).arg(crate::support::program("ends.c")).status();
    assert!(strip.unwrap().success());
    room.run_path(&stripped).option("--symbolize=none").go().well();
    let symbolize = |value: &str| {
        let mut command = Command::new(HEAPTRACE);
        command.args(["symbolize", "out.prof", "-o", "named.prof"]).current_dir(room.path(""));
        command.env("DEBUGINFOD_URLS", &secure.url).env("DEBUGINFOD_CACHE_PATH", room.path("cache"));
        command.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", value).output().unwrap()
    };
    assert!(String::from_utf8_lossy(&symbolize("").stderr).contains(UNKNOWN), "{:?}", symbolize(""));
    assert_refused(&symbolize("/dev/null"), "SSL_CERT_FILE");
    // It has no such file, and is not complained of.
    let asked = symbolize(secure.authority.to_str().unwrap());
    assert!(!String::from_utf8_lossy(&asked.stderr).contains(&secure.url), "{asked:?}");
}
