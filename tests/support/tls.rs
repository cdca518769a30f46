//! A server that is spoken to by `https://`, with a certificate of somebody whom nobody knows.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wanted::has;

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

/// Stands before a server that has no TLS.
pub struct Secure {
    proxy: Child,
    pub url: String,
    /// The certificate that the server's is signed with.
    pub authority: PathBuf,
    folder: TempDir,
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.proxy.kill().unwrap();
        self.proxy.wait().unwrap();
    }
}

impl Secure {
    /// Before the one at `place`; `None` if this machine has not what it takes.
    pub fn before(place: &str) -> Option<Secure> {
        if !has("openssl") || !has("python3") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let mut command = Command::new("python3");
        command.args(["-c", PROXY, "server.pem", "server.key", place]).current_dir(&folder);
        let mut proxy = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("https://localhost:{}", port.trim());
        Some(Secure { proxy, url, authority: folder.path().join("authority.pem"), folder })
    }

    /// A folder with all certificates, and what is none.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes an authority, and a server's certificate that it signs.
fn certify(folder: &Path) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(folder, &format!("{new} -keyout authority.key -out authority.pem -subj /CN=authority"));
    let alone = "-CA authority.pem -CAkey authority.key -addext basicConstraints=critical,CA:FALSE";
    let names = "-addext subjectAltName=DNS:localhost";
    openssl(folder, &format!("{new} -keyout server.key -out server.pem -subj /CN=server {alone} {names}"));
}

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
}
