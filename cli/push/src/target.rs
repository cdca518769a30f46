//! Where profiles are sent, and in whose words.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// The variable with the token or the password.
pub const TOKEN: &str = "HEAPTRACE_PUSH_TOKEN";

/// OTLP's own ports, over HTTP and gRPC.
const OTLP_PORT: u16 = 4318;
const GRPC_PORT: u16 = 4317;

/// A server that takes profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// How it wants them.
    pub protocol: Protocol,
    /// Where it takes them: a URL without a user.
    pub url: String,
    /// Whose password the token is.
    pub user: Option<String>,
}

/// How a server takes profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Pyroscope's call `Push`.
    Connect,
    /// Pyroscope's older way, which others have too.
    Ingest,
    /// OpenTelemetry's, over HTTP.
    Otlp,
}

/// Why a text names no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadTarget {
    /// It is no URL.
    NoUrl(String),
    /// There is more to it than a server and a path.
    HasQuery(String),
    /// There is a password in it.
    HasPassword,
    /// It is where OpenTelemetry's gRPC is.
    Grpc,
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTarget::NoUrl(text) => write!(
                f,
                "{text:?} is no place for profiles; use http://HOST:4040 for Pyroscope, or \
                 otlp+http://HOST:4318 for OpenTelemetry"
            ),
            BadTarget::HasQuery(text) => write!(f, "{text:?} has a query, which heaptrace makes itself"),
            BadTarget::Grpc => {
                write!(f, "at port {GRPC_PORT} is OTLP over gRPC; use HTTP, which is at port {OTLP_PORT}")
            }
            BadTarget::HasPassword => {
                write!(f, "leave the password out of the URL, which ps shows, and put it into {}", TOKEN)
            }
        }
    }
}

impl std::error::Error for BadTarget {}

impl Protocol {
    const ALL: [Protocol; 3] = [Protocol::Connect, Protocol::Ingest, Protocol::Otlp];

    /// The path of its URLs, behind whatever there may be before it.
    fn path(self) -> &'static str {
        match self {
            Protocol::Connect => "/push.v1.PusherService/Push",
            Protocol::Ingest => "/ingest",
            Protocol::Otlp => "/v1development/profiles",
        }
    }

    /// What a URL without a path means.
    fn of_port(port: Option<u16>) -> Protocol {
        if port == Some(OTLP_PORT) { Protocol::Otlp } else { Protocol::Connect }
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Target, BadTarget> {
        use Protocol::{Connect, Ingest, Otlp};
        let said: [(&str, &[Protocol]); 2] = [("pyroscope+", &[Connect, Ingest]), ("otlp+", &[Otlp])];
        let said = said.into_iter().find_map(|(prefix, all)| Some((text.strip_prefix(prefix)?, all)));
        let (url, among) = said.unwrap_or((text, &Protocol::ALL));
        let uri: Uri = url.parse().map_err(|_| BadTarget::NoUrl(text.to_owned()))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BadTarget::NoUrl(text.to_owned()));
        };
        if authority.host().is_empty() {
            return Err(BadTarget::NoUrl(text.to_owned()));
        }
        if url.contains(['?', '#']) {
            return Err(BadTarget::HasQuery(text.to_owned()));
        }
        let (user, server) = match authority.as_str().rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(BadTarget::HasPassword),
            Some((user, server)) => (Some(user.to_owned()), server),
            None => (None, authority.as_str()),
        };
        let path = uri.path().trim_end_matches('/');
        if authority.port_u16() == Some(GRPC_PORT) && path.is_empty() {
            return Err(BadTarget::Grpc);
        }
        let whole = among.iter().find(|protocol| path.ends_with(protocol.path()));
        let (protocol, end) = match (whole, among) {
            (Some(&protocol), _) => (protocol, ""),
            (None, &[protocol]) => (protocol, protocol.path()),
            (None, all) => {
                let port = authority.port_u16().filter(|_| all.contains(&Otlp));
                let protocol = Protocol::of_port(port);
                (protocol, protocol.path())
            }
        };
        Ok(Target { protocol, url: format!("{scheme}://{server}{path}{end}"), user })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_who_is_there_by_its_path_or_its_port_or_in_a_word() {
        use Protocol::{Connect, Ingest, Otlp};
        let push = "/push.v1.PusherService/Push";
        for (text, protocol, url) in [
            ("http://host:4040", Connect, format!("http://host:4040{push}")),
            ("https://host/", Connect, format!("https://host{push}")),
            ("http://[::1]:4040/base/", Connect, format!("http://[::1]:4040/base{push}")),
            (&format!("http://host/base{push}"), Connect, format!("http://host/base{push}")),
            ("http://host:4040/ingest", Ingest, "http://host:4040/ingest".into()),
            ("pyroscope+https://host/pyroscope/ingest/", Ingest, "https://host/pyroscope/ingest".into()),
            ("pyroscope+http://host:4318", Connect, format!("http://host:4318{push}")),
            ("http://host:4318", Otlp, "http://host:4318/v1development/profiles".into()),
            ("otlp+https://host", Otlp, "https://host/v1development/profiles".into()),
            ("otlp+http://host/ingest", Otlp, "http://host/ingest/v1development/profiles".into()),
            ("http://host/v1development/profiles", Otlp, "http://host/v1development/profiles".into()),
        ] {
            assert_eq!(text.parse(), Ok(Target { protocol, url, user: None }), "{text}");
        }
        let user = |text: &str| text.parse::<Target>().map(|target| (target.url, target.user));
        let (url, name) = user("https://1234@host/ingest").unwrap();
        assert_eq!((&*url, name.as_deref()), ("https://host/ingest", Some("1234")));
        assert_eq!(user("https://1234:secret@host/"), Err(BadTarget::HasPassword));
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for text in
            ["", "host:4040", "localhost", "ftp://host", "http://", "unix:/x", "otlp+host", "http:///x"]
        {
            assert_eq!(text.parse::<Target>(), Err(BadTarget::NoUrl(text.into())), "{text}");
        }
        assert_eq!("http://host:4317/".parse::<Target>(), Err(BadTarget::Grpc));
        assert!(matches!("http://host/ingest?name=x".parse::<Target>(), Err(BadTarget::HasQuery(_))));
    }
}
