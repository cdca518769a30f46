//! A request that takes a profile to a server.

use std::time::Instant;

/// What is sent. It stays the same when it is sent again, so that a server can know it.
#[derive(Debug)]
pub struct Request {
    /// The server's URL, with the query.
    pub url: String,
    /// What tells how to read the body.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The profile, packed.
    pub body: Vec<u8>,
    /// When it was made.
    pub made: Instant,
    /// It was sent before, in vain.
    pub was_tried: bool,
}

impl Request {
    /// A request to be sent from now on.
    pub fn new(url: String, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> Request {
        Request { url, headers: headers.to_vec(), body, made: Instant::now(), was_tried: false }
    }
}
