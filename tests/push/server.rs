//! A server that keeps what it gets, and answers as a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;

/// A request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method and path.
    pub what: String,
    /// The query's names and values.
    pub query: Vec<(String, String)>,
    /// Lower-case names and values, but for those of every request.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub at: SystemTime,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn read(from: &mut impl BufRead) -> Option<Received> {
        let mut lines = from.by_ref().lines().map_while(Result::ok);
        let first = lines.next()?;
        let [method, target, "HTTP/1.1"] = first.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{first}")
        };
        let header = |line: String| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).map(header).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").expect("a length");
        let mut body = vec![0; length.1.parse().unwrap()];
        from.read_exact(&mut body).unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decoded = |text| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
        Some(Received { what: format!("{method} {path}"), query, headers, body, at: SystemTime::now() })
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With a status line's end, more headers and a body.
    Status(&'static str, &'static str, Vec<u8>),
    /// Not at all: the connection stays open.
    Never,
}

impl Reply {
    pub fn ok() -> Reply {
        Reply::Status("200 OK", "Content-Type: application/proto\r\n", Vec::new())
    }

    pub fn text(status: &'static str, text: &str) -> Reply {
        Reply::Status(status, "Content-Type: text/plain\r\n", text.into())
    }
}

/// A server that runs until the test is over.
pub struct Server {
    pub place: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// One that takes everything.
    pub fn start() -> Server {
        Server::that_answers(|_| Reply::ok())
    }

    /// One that answers the request of that number, from 0, so.
    pub fn that_answers(answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || serve(stream.unwrap(), &kept, &*answer));
            }
        });
        Server { place, received }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.place)
    }

    /// What has come, whatever was answered.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Received>>, answer: &dyn Fn(usize) -> Reply) {
    let Some(received) = Received::read(&mut BufReader::new(&stream)) else { return };
    let number = {
        let mut kept = kept.lock().unwrap();
        kept.push(received);
        kept.len() - 1
    };
    match answer(number) {
        Reply::Never => loop {
            thread::park();
        },
        Reply::Status(status, headers, body) => {
            let head = format!(
                "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).ok(); // who asked may be gone
        }
    }
}
