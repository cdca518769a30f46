//! An answer.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// `200 OK` with a body of that type.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        let headers =
            vec![("Content-Type", content_type.to_owned()), ("X-Content-Type-Options", "nosniff".into())];
        Response { status: 200, headers, body: body.into() }
    }

    /// A status that is an error, with a line that says why.
    pub fn error(status: u16, why: &str) -> Response {
        Response::new("text/plain; charset=utf-8", format!("{why}\n")).status_of(status)
    }

    /// To be looked for elsewhere.
    pub fn redirect(to: &str) -> Response {
        Response::error(301, to).header("Location", to)
    }

    fn status_of(mut self, status: u16) -> Response {
        self.status = status;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Response {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The bytes before the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()).unwrap_or_default();
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let length = self.body.len().to_string();
        let ours = [("Content-Length", &length), ("Date", &date), ("Connection", &"close".into())];
        for (name, value) in self.headers.iter().map(|(name, value)| (*name, value)).chain(ours) {
            // What was asked for may be in it, and must not become a header of its own.
            head += &format!("{name}: {}\r\n", value.replace(char::is_control, " "));
        }
        head += "\r\n";
        head.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_its_length_and_no_header_that_was_slipped_in() {
        let head = Response::new("text/plain", "four").header("X", "a\r\nEvil: b").head();
        let text = String::from_utf8(head).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), "{text}");
        assert!(text.contains("\r\nContent-Length: 4\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("GMT\r\n") && !text.contains("\nEvil"), "{text}");
    }
}
