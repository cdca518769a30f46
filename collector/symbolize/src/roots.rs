//! Whose certificates are trusted where a server is spoken to by `https://`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{env, fmt, fs, io};

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// OpenSSL's variables with a file of certificates, and with folders of such files, that are trusted instead of the
/// system's.
const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// Where systems have theirs: Debian, Fedora, SUSE, Alpine.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A variable with certificates that cannot be had, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoots {
    variable: &'static str,
    why: String,
}

impl fmt::Display for NoRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is to name trusted certificates: {}", self.variable, self.why)
    }
}

impl Error for NoRoots {}

/// How to speak to the server of a URL: if it is `https://`, by the certificates in what the environment names, or
/// those of the system; if it has none, Mozilla's.
///
/// # Errors
/// If there are none in what is named.
pub fn tls_to(url: &str) -> Result<TlsConfig, NoRoots> {
    let roots = if url.starts_with("https:") { roots()? } else { RootCerts::WebPki };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn roots() -> Result<RootCerts, NoRoots> {
    let named = |variable| env::var_os(variable).filter(|value| !value.is_empty());
    let (file, folders) = (named(FILE), named(FOLDERS));
    let mut all = Vec::new();
    if let Some(path) = &file {
        all.extend(certificates(path.as_ref()).map_err(|why| no_roots(FILE, path.as_ref(), &why))?);
    }
    if let Some(folders) = &folders {
        let in_folders =
            env::split_paths(folders).filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        all.extend(in_folders.filter_map(|entry| certificates(&entry.path()).ok()).flatten());
        if all.is_empty() {
            return Err(no_roots(FOLDERS, folders.as_ref(), &none()));
        }
    }
    if all.is_empty() {
        all = SYSTEM.iter().find_map(|path| certificates(path.as_ref()).ok()).unwrap_or_default();
    }
    Ok(if all.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(all)) })
}

fn no_roots(variable: &'static str, path: &Path, why: &io::Error) -> NoRoots {
    NoRoots { variable, why: format!("{}: {why}", path.display()) }
}

/// The certificates in a file: one at least.
fn certificates(path: &Path) -> io::Result<Vec<Certificate<'static>>> {
    let text = fs::read(path)?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
        _ => None,
    };
    let all: Vec<_> = parse_pem(&text).filter_map(certificate).collect();
    if all.is_empty() { Err(none()) } else { Ok(all) }
}

fn none() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it has no certificate")
}
