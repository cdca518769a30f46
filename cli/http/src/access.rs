//! Whom a server answers.
//!
//! A page of any site can have a browser send requests to this machine, and have a name of its own mean
//! this machine's address ("DNS rebinding"): then it may read the answers. The browser says which name
//! it was, in `Host`. Names that no foreign site can have are IP addresses, names of one word, names of
//! domains that are nobody's, and this machine's own.

use std::net::IpAddr;

use crate::address::{Address, Socket};
use crate::request::Request;
use crate::response::Response;

/// Whom a server answers.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What the user wrote as the host.
    host: String,
    reach: Reach,
    token: Option<String>,
    own_user_only: bool,
}

/// Who can reach a server at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reach {
    /// No browser.
    #[default]
    Files,
    /// Who is on this machine.
    Machine,
    Network,
}

impl Access {
    /// Those who use the names that `address` may have, and know the token if there is one.
    pub fn to(address: &Address, socket: &Socket, token: Option<String>) -> Access {
        let host = address.host().to_ascii_lowercase();
        let reach = match socket {
            Socket::Unix(_) => Reach::Files,
            Socket::Tcp(_) if socket.is_local() => Reach::Machine,
            Socket::Tcp(_) => Reach::Network,
        };
        Access { host, reach, token, own_user_only: false }
    }

    /// Processes of this user and of root only, as the kernel tells of unix sockets.
    pub fn own_user() -> Access {
        Access { own_user_only: true, ..Access::default() }
    }

    /// Why a request is not answered, if it is not.
    pub fn refusal(&self, request: &Request) -> Option<Response> {
        let own_user = rustix::process::geteuid().as_raw();
        if self.own_user_only && !request.user().is_some_and(|user| user == own_user || user == 0) {
            return Some(Response::error(403, "this socket is for its owner only"));
        }
        if let Some(host) = request.header("host").filter(|host| !self.is_own(host)) {
            let why = format!("{host:?} is no name of this server's; use localhost, or its IP address");
            return Some(Response::error(403, &why));
        }
        // What a page of another site wants without being looked at.
        let is_foreign = request.header("sec-fetch-site") == Some("cross-site");
        if is_foreign && request.header("sec-fetch-mode") != Some("navigate") {
            return Some(Response::error(403, "pages of other sites are not answered"));
        }
        let is_known = |token: &str| {
            let given = request.header("authorization").and_then(|text| text.split_once(' '));
            given.is_some_and(|(scheme, given)| {
                scheme.eq_ignore_ascii_case("bearer") && is_same(given.trim(), token)
            })
        };
        if self.token.as_deref().is_some_and(|token| !is_known(token)) {
            let why = "the token is missing or another one; send it as Authorization: Bearer TOKEN";
            return Some(Response::error(401, why).header("WWW-Authenticate", "Bearer"));
        }
        None
    }

    /// Is the host of a URL one that no foreign site can have?
    fn is_own(&self, host: &str) -> bool {
        if self.reach == Reach::Files {
            return true;
        }
        const NOBODYS: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];
        let host = host.to_ascii_lowercase();
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.reach == Reach::Network || address.is_loopback() || host == self.host;
        }
        if host == "localhost" || host.ends_with(".localhost") || host == self.host {
            return true;
        }
        let machine = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        let is_nobodys = !host.contains('.') || NOBODYS.iter().any(|domain| host.ends_with(domain));
        self.reach == Reach::Network && !host.is_empty() && (is_nobodys || host == machine)
    }
}

/// Are they the same? Takes as long wherever they differ.
fn is_same(one: &str, other: &str) -> bool {
    let difference = one.bytes().zip(other.bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(access: &Access, headers: &[(&str, &str)]) -> Option<u16> {
        access.refusal(&Request::for_tests("/", headers)).map(|response| response.status())
    }

    fn access(address: &str, token: Option<&str>) -> Access {
        let address: Address = address.parse().unwrap();
        Access::to(&address, &address.listen().unwrap(), token.map(str::to_owned))
    }

    #[test]
    fn names_that_a_foreign_site_can_have_are_refused() {
        let own =
            ["localhost:6060", "LOCALHOST", "x.localhost:1", "127.0.0.1:6060", "[::1]:6060", "127.8.0.1"];
        let foreign = [
            "evil.example:6060",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":6060",
            "[evil.example]",
        ];
        let elsewhere = ["10.0.0.7:6060", "app:6060", "app.default.svc.cluster.local", "[2001:db8::1]:6060"];
        for (address, more) in [("localhost:0", false), ("0.0.0.0:0", true)] {
            let access = access(address, None);
            let is_refused = |host: &str| status(&access, &[("host", host)]) == Some(403);
            assert!(!own.iter().any(|host| is_refused(host)));
            foreign.iter().for_each(|host| assert!(is_refused(host), "{address}: {host}"));
            elsewhere.iter().for_each(|host| assert_eq!(is_refused(host), !more, "{address}: {host}"));
            assert_eq!(status(&access, &[]), None, "no browser leaves it out");
        }
    }

    #[test]
    fn pages_of_other_sites_are_not_answered_but_may_lead_here() {
        let access = access("localhost:0", None);
        let from = |mode| status(&access, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode)]);
        assert_eq!((from("no-cors"), from("cors"), from("navigate")), (Some(403), Some(403), None));
    }

    #[test]
    fn the_token_is_asked_for_if_there_is_one() {
        let access = access("localhost:0", Some("secret"));
        for wrong in ["secret", "Bearer ", "Bearer secre", "Bearer secret2", "Basic secret"] {
            assert_eq!(status(&access, &[("authorization", wrong)]), Some(401), "{wrong}");
        }
        assert_eq!(status(&access, &[]), Some(401));
        assert_eq!(status(&access, &[("authorization", "bearer secret")]), None);
    }

    #[test]
    fn who_is_of_another_user_or_cannot_be_told_is_not_the_owner() {
        assert_eq!(status(&Access::own_user(), &[]), Some(403));
    }
}
