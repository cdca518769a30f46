//! Servers that are spoken to by `https://`, with certificates of somebody whom nobody knows.

use std::fs;

use super::server::Server;
use super::store::{of_call, sum};
use crate::support::tls::Secure;
use crate::support::{Room, wait_until};

#[test]
fn a_servers_certificate_is_checked_against_those_that_the_user_trusts() {
    let (room, server) = (Room::new(), Server::start());
    let Some(secure) = Secure::before(&server.place) else { return };
    let run = || room.run("ledger.c").option("--push").option(&secure.url);
    let refused = run().go().well();
    let line = refused.stderr.lines().find(|line| line.contains("could not be pushed"));
    let line = line.unwrap_or_else(|| panic!("{}", refused.stderr));
    assert!(line.contains("invalid peer certificate: UnknownIssuer"), "{line}");
    assert_eq!(server.received().len(), 0);
    let ended = run().env("SSL_CERT_FILE", &secure.authority).go().well();
    assert!(!ended.stderr.contains("could not be pushed"), "{}", ended.stderr);
    let kept: Vec<_> = server.received().iter().map(of_call).collect();
    assert_eq!(sum(&kept, "", "alloc_space"), room.profile("out.prof").total("alloc_space"));
}

#[test]
fn the_same_in_manual_mode() {
    let (room, server) = (Room::new(), Server::start());
    let Some(secure) = Secure::before(&server.place) else { return };
    let launch = room.manual("ledger.c").env("HEAPTRACE_PUSH", &secure.url);
    launch.env("SSL_CERT_FILE", &secure.authority).go().well();
    wait_until("it has come", || !server.received().is_empty());
}

#[test]
fn a_file_without_certificates_is_refused_before_the_program_starts() {
    let (room, files) = (Room::new(), tempfile::tempdir().unwrap());
    let empty = files.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    for (path, why) in [(empty, "it has no certificate"), (files.path().join("none"), "No such file")] {
        let launch = room.run_path("/usr/bin/touch").options(["--push", "https://localhost:1"]);
        let ended = launch.args(["started"]).env("SSL_CERT_FILE", &path).go();
        assert_eq!((ended.status(), room.files().is_empty()), (125, true));
        let said = format!("SSL_CERT_FILE is to name trusted certificates: {}: {why}", path.display());
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
}
