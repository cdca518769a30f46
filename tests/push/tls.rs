//! Servers that are spoken to by `https://`, with certificates of somebody whom nobody knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::server::Server;
use super::store::{of_call, sum};
use crate::support::wanted::has;
use crate::support::{Room, wait_until};

/// Takes what comes by TLS, and gives it to a server that has none.
const PROXY: &str = r#"
import socket, ssl, sys, threading
certificate, key, place = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

def pump(source, sink):
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass

def serve(plain):
    try:
        with context.wrap_socket(plain, server_side=True) as client:
            server = socket.create_connection(place.rsplit(":", 1))
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)
    except OSError:
        pass

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

/// A server with a certificate, and the certificate that it is signed with.
struct Secure {
    server: Server,
    proxy: Child,
    url: String,
    authority: PathBuf,
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.proxy.kill().unwrap();
        self.proxy.wait().unwrap();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

fn secure(folder: &Path) -> Secure {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(folder, &format!("{new} -keyout authority.key -out authority.pem -subj /CN=authority"));
    let alone = "-CA authority.pem -CAkey authority.key -addext basicConstraints=critical,CA:FALSE";
    let names = "-addext subjectAltName=DNS:localhost";
    openssl(folder, &format!("{new} -keyout server.key -out server.pem -subj /CN=server {alone} {names}"));
    let server = Server::start();
    let arguments = ["-c", PROXY, "server.pem", "server.key", &server.place];
    let mut command = Command::new("python3");
    let mut proxy = command.args(arguments).current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(proxy.stdout.take().unwrap()), &mut port)
        .unwrap();
    let url = format!("https://localhost:{}", port.trim());
    Secure { server, proxy, url, authority: folder.join("authority.pem") }
}

#[test]
fn a_servers_certificate_is_checked_against_those_that_the_user_trusts() {
    if !has("openssl") || !has("python3") {
        return;
    }
    let (room, files) = (Room::new(), tempfile::tempdir().unwrap());
    let secure = secure(files.path());
    let run = || room.run("ledger.c").option("--push").option(&secure.url);
    let refused = run().go().well();
    let line = refused.stderr.lines().find(|line| line.contains("could not be pushed"));
    let line = line.unwrap_or_else(|| panic!("{}", refused.stderr));
    assert!(line.contains("invalid peer certificate: UnknownIssuer"), "{line}");
    assert_eq!(secure.server.received().len(), 0);
    let ended = run().env("SSL_CERT_FILE", &secure.authority).go().well();
    assert!(!ended.stderr.contains("could not be pushed"), "{}", ended.stderr);
    let kept: Vec<_> = secure.server.received().iter().map(of_call).collect();
    assert_eq!(sum(&kept, "", "alloc_space"), room.profile("out.prof").total("alloc_space"));
}

#[test]
fn the_same_in_manual_mode() {
    if !has("openssl") || !has("python3") {
        return;
    }
    let (room, files) = (Room::new(), tempfile::tempdir().unwrap());
    let secure = secure(files.path());
    let launch = room.manual("ledger.c").env("HEAPTRACE_PUSH", &secure.url);
    launch.env("SSL_CERT_FILE", &secure.authority).go().well();
    wait_until("it has come", || !secure.server.received().is_empty());
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
