//! Debug files that servers send.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use heaptrace_symbolize::{Complaint, Frame, Options, Symbolizer};

use crate::tools::{BIAS, options};
use crate::workshop::{Workshop, module};

#[test]
fn debug_files_sent_by_servers() {
    let workshop = Workshop::new("servers");
    let id = "0123456789abcdef0123456789abcdef01234567";
    workshop.run(&format!("gcc -O2 -g -Wl,--build-id=0x{id} @inline.c -o whole"));
    workshop.run("objcopy --only-keep-debug whole whole.debug");
    workshop.run("objcopy --strip-all whole stripped");
    let file = fs::read(workshop.path("whole.debug")).unwrap();
    let (empty, _) = server(|mut stream| write!(stream, "HTTP/1.1 404 Not Found\r\n\r\n"));
    let (full, asked) = server(move |mut stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len())?;
        stream.write_all(&file)
    });
    let options = Options {
        debuginfod_cache: Some(workshop.path("cache")),
        debuginfod_urls: vec![empty, full],
        ..options()
    };
    workshop.check("stripped", "whole", &options);
    assert_eq!(*asked.lock().unwrap(), [format!("GET /buildid/{id}/debuginfo HTTP/1.1")]);
    // What was sent is kept: nobody has to be asked again.
    workshop.check("stripped", "whole", &Options { debuginfod_urls: Vec::new(), ..options });
}

#[test]
fn dead_slow_and_broken_servers_cost_a_bounded_wait_and_a_line() {
    let workshop = Workshop::new("bad-servers");
    workshop.run("gcc -O2 -g -Wl,--build-id @inline.c -o whole");
    workshop.run("objcopy --strip-all whole stripped");
    let dead = "http://127.0.0.1:1".to_owned();
    let (broken, _) =
        server(|mut stream| write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"));
    let (slow, _) = server(|_| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    });
    for url in [dead, broken, slow] {
        let options = Options {
            debuginfod_cache: Some(workshop.path("cache")),
            debuginfod_urls: vec![url.clone()],
            debuginfod_time_limit: Duration::from_secs(1),
            ..options()
        };
        let started = Instant::now();
        let symbolizer = Symbolizer::new(&options);
        let frame = Frame { address: BIAS + 0x1100, module: Some(0) };
        let symbols = symbolizer.symbolize(&[module(&workshop.path("stripped"), BIAS)], &[frame], 0);
        assert_eq!(symbols.lookup(frame).len(), 1);
        assert!(started.elapsed() < Duration::from_secs(3), "{url}: {:?}", started.elapsed());
        let [Complaint::Server { url: told, .. }] = &symbolizer.complaints()[..] else {
            panic!("not one complaint about {url}")
        };
        assert_eq!(*told, url);
        let left = fs::read_dir(workshop.path("cache")).map_or(0, |folders| {
            folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap()).count()
        });
        assert_eq!(left, 0, "{url} left half a file");
    }
}

/// A server on a port of its own that has `answer` answer each request. Returns its address, and the
/// first lines of the requests.
fn server(
    answer: impl Fn(TcpStream) -> io::Result<()> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asked_here = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let request = lines.next().unwrap();
            lines.find(String::is_empty);
            asked_here.lock().unwrap().push(request);
            answer(stream.try_clone().unwrap()).unwrap();
        }
    });
    (url, asked)
}
