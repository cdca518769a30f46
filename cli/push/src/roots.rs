//! Whose certificates are trusted.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ureq::tls::{PemItem, RootCerts, parse_pem};

/// OpenSSL's variable with a file of certificates that are trusted instead of the system's.
const FILE: &str = "SSL_CERT_FILE";

/// Where systems have theirs: Debian, Fedora, SUSE, Alpine.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A variable with certificates that cannot be had, and why.
#[derive(Debug)]
pub struct NoRoots {
    pub variable: &'static str,
    pub why: io::Error,
}

/// The certificates in the file that `environment` names, or those of the system; if it has none, Mozilla's.
///
/// # Errors
/// If the file that is named has none.
pub fn roots(environment: impl Fn(&str) -> Option<String>) -> Result<RootCerts, NoRoots> {
    if let Some(path) = environment(FILE) {
        let in_file = |why: io::Error| NoRoots {
            variable: FILE,
            why: io::Error::new(why.kind(), format!("{path}: {why}")),
        };
        return certificates(path.as_ref()).map_err(in_file);
    }
    let system = SYSTEM.iter().find_map(|path| certificates(path.as_ref()).ok());
    Ok(system.unwrap_or(RootCerts::WebPki))
}

fn certificates(path: &Path) -> io::Result<RootCerts> {
    let text = fs::read(path)?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
        _ => None,
    };
    let all: Vec<_> = parse_pem(&text).filter_map(certificate).collect();
    if all.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it has no certificate"));
    }
    Ok(RootCerts::Specific(Arc::new(all)))
}
