//! The loop that takes connections.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::access::Access;
use crate::address::Socket;
use crate::connection::Connection;
use crate::request::Request;
use crate::response::Response;

/// Connections at a time.
const MOST: usize = 128;

/// Answers requests that come over `socket`, in threads of their own, as long as this process lives.
/// Whoever has no access, or what is no request, is refused before `answer` is asked.
///
/// # Errors
/// If there can be no thread.
pub fn serve(
    socket: Socket,
    access: Access,
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
) -> io::Result<()> {
    let server = Arc::new(Server { access, answer, connections: AtomicUsize::new(0) });
    thread::Builder::new().name("http".into()).spawn(move || server.run(&socket)).map(drop)
}

struct Server<F> {
    access: Access,
    answer: F,
    connections: AtomicUsize,
}

impl<F: Fn(&Request) -> Response + Send + Sync + 'static> Server<F> {
    fn run(self: &Arc<Self>, socket: &Socket) {
        /// There are no descriptors or threads left, for now.
        const REST: Duration = Duration::from_millis(100);
        loop {
            let accepted = match socket {
                Socket::Tcp(socket) => socket.accept().map(|(stream, _)| Connection::Tcp(stream)),
                Socket::Unix(socket) => socket.accept().map(|(stream, _)| Connection::Unix(stream)),
            };
            match accepted {
                Ok(connection) => self.take(connection),
                Err(_) => thread::sleep(REST),
            }
        }
    }

    fn take(self: &Arc<Self>, mut connection: Connection) {
        let taken = Taken::new(self);
        if self.connections.load(Relaxed) > MOST {
            return connection.dismiss(&Response::error(503, "too many connections at once"));
        }
        // Without a thread for it the connection is closed.
        let _ = thread::Builder::new().name("http client".into()).spawn(move || taken.0.talk(connection));
    }

    fn talk(&self, mut connection: Connection) {
        let (response, with_body) = match connection.request() {
            Ok(request) => (self.response(&request), request.method() != "HEAD"),
            Err(Some(status)) => (Response::error(status, "this request cannot be answered"), true),
            Err(None) => return,
        };
        if connection.answer(&response, with_body).is_ok() {
            connection.finish();
        }
    }

    fn response(&self, request: &Request) -> Response {
        if let Some(refusal) = self.access.refusal(request) {
            return refusal;
        }
        if !["GET", "HEAD", "POST"].contains(&request.method()) {
            return Response::error(405, "use GET").header("Allow", "GET, HEAD, POST");
        }
        let answered = catch_unwind(AssertUnwindSafe(|| (self.answer)(request)));
        answered.unwrap_or_else(|_| Response::error(500, "this met a fault of heaptrace's, please report it"))
    }
}

/// A connection that counts.
struct Taken<F>(Arc<Server<F>>);

impl<F> Taken<F> {
    fn new(server: &Arc<Server<F>>) -> Taken<F> {
        server.connections.fetch_add(1, Relaxed);
        Taken(Arc::clone(server))
    }
}

impl<F> Drop for Taken<F> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::address::Address;

    fn start() -> String {
        let address: Address = "127.0.0.1:0".parse().unwrap();
        let socket = address.listen().unwrap();
        let access = Access::to(&address, &socket, None);
        let place = socket.url().strip_prefix("http://").unwrap().to_owned();
        serve(socket, access, |request| match request.path() {
            "/fault" => panic!("on purpose"),
            path => Response::new("text/plain", format!("{} {path}", request.method())),
        })
        .unwrap();
        place
    }

    fn ask(place: &str, text: &str) -> String {
        let mut stream = TcpStream::connect(place).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_are_answered_whatever_others_do() {
        let place = start();
        // Those who send nothing, or half of something, and wait.
        let idle: Vec<_> = (0..MOST - 20).map(|_| TcpStream::connect(&place).unwrap()).collect();
        (&idle[0]).write_all(b"GET / HT").unwrap();
        assert!(ask(&place, "GET /a HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nGET /a"));
        assert!(ask(&place, "HEAD /a HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n"));
        assert!(ask(&place, "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").ends_with("POST /a"));
        assert!(ask(&place, "\x16\x03\x01\x02\r\n\r\n").starts_with("HTTP/1.1 400 "));
        assert!(ask(&place, "DELETE /a HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(ask(&place, "GET /fault HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 500 "));
        assert!(ask(&place, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 403 "));
        drop(idle);
    }

    #[test]
    fn who_is_one_too_many_is_told_so() {
        let place = start();
        let idle: Vec<_> = (0..MOST).map(|_| TcpStream::connect(&place).unwrap()).collect();
        let mut answer = String::new();
        let _ = TcpStream::connect(&place).unwrap().read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        drop(idle);
        // Their places are free as soon as it is noticed.
        while !ask(&place, "GET /a HTTP/1.1\r\n\r\n").ends_with("GET /a") {}
    }
}
