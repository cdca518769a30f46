//! Asking debuginfod servers for files by build id, as debuginfod-find(1) does where the variable
//! DEBUGINFOD_URLS is set. What they send is kept in the folder that all its clients share.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hashbrown::HashSet;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::complaint::Complaint;
use super::lock::lock;
use super::roots::tls_to;

/// How long a server may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Largest file that is downloaded, in bytes.
const SIZE_LIMIT: u64 = 1 << 32;

/// Servers, asked one after another until one has the file.
#[derive(Debug)]
pub(super) struct Debuginfod {
    urls: Vec<String>,
    cache: PathBuf,
    agent: Agent,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct Requests {
    /// How much longer all answers together may take.
    patience: Duration,
    /// What was asked for: nothing is asked for twice.
    asked: HashSet<String>,
    /// The servers that have not answered yet, once for each thread that waits.
    awaited: Vec<String>,
    /// The servers that are asked no more, and why.
    given_up: BTreeMap<String, String>,
}

impl Debuginfod {
    /// Nothing is asked yet; `patience` is how long all answers together may take.
    pub(super) fn new(urls: &[String], cache: &Path, patience: Duration) -> Debuginfod {
        let (mut requests, is_secure) = (Requests::new(patience), |url: &&String| url.starts_with("https:"));
        let tls = urls.iter().find(is_secure).map_or_else(|| Ok(TlsConfig::default()), |url| tls_to(url));
        let tls = tls.unwrap_or_else(|why| {
            requests
                .given_up
                .extend(urls.iter().filter(is_secure).map(|url| (without_slash(url), why.to_string())));
            TlsConfig::default()
        });
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_LIMIT))
            .tls_config(tls)
            .user_agent(concat!("heaptrace/", env!("CARGO_PKG_VERSION")))
            .build();
        Debuginfod {
            urls: urls.iter().map(|url| without_slash(url)).collect(),
            cache: cache.to_owned(),
            agent: agent.into(),
            requests: Mutex::new(requests),
        }
    }

    /// The file that a build id in hexadecimal names, downloaded; `kind` is `debuginfo` or
    /// `executable`. Whether it has that build id is for the caller to check.
    pub(super) fn fetch(&self, id: &str, kind: &str) -> Option<PathBuf> {
        let name = format!("{id}/{kind}");
        if !lock(&self.requests).asked.insert(name.clone()) {
            return None;
        }
        self.urls.iter().find_map(|url| self.ask(url, &name))
    }

    fn ask(&self, url: &str, name: &str) -> Option<PathBuf> {
        let patience = lock(&self.requests).begin(url)?;
        let started = Instant::now();
        let answer = self.download(&format!("{url}/buildid/{name}"), name, patience);
        let mut requests = lock(&self.requests);
        requests.end(url, started.elapsed());
        match answer {
            Ok(path) => Some(path),
            Err(ureq::Error::StatusCode(404)) => None,
            Err(why) => {
                requests.given_up.insert(url.to_owned(), why.to_string());
                None
            }
        }
    }

    /// Puts the answer to a request into the cache, complete or not at all.
    fn download(&self, url: &str, name: &str, patience: Duration) -> Result<PathBuf, ureq::Error> {
        let request = self.agent.get(url).config().timeout_global(Some(patience)).build();
        let mut body = request.call()?.into_body().into_with_config().limit(SIZE_LIMIT).reader();
        let path = self.cache.join(name);
        let temporary = path.with_extension(format!("heaptrace-{}", std::process::id()));
        fs::create_dir_all(path.parent().unwrap_or(&self.cache))?;
        let copied = File::create(&temporary).and_then(|mut file| io::copy(&mut body, &mut file));
        if let Err(why) = copied.and_then(|_| fs::rename(&temporary, &path)) {
            // The first error is the one to report; if this fails too there is nothing left to do.
            let _ = fs::remove_file(&temporary);
            return Err(why.into());
        }
        Ok(path)
    }

    /// A server that has not answered yet.
    pub(super) fn awaited(&self) -> Option<String> {
        lock(&self.requests).awaited.first().cloned()
    }

    /// What the user should know.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        let requests = lock(&self.requests);
        let given_up = requests.given_up.iter();
        let mut complaints: Vec<_> =
            given_up.map(|(url, why)| Complaint::Server { url: url.clone(), why: why.clone() }).collect();
        if complaints.is_empty() && requests.patience.is_zero() {
            complaints.push(Complaint::TooSlow);
        }
        complaints
    }
}

fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

impl Requests {
    fn new(patience: Duration) -> Requests {
        Requests { patience, asked: HashSet::new(), awaited: Vec::new(), given_up: BTreeMap::new() }
    }

    /// Notes that a server is asked. Returns how long it may take; `None` if it is asked no more.
    fn begin(&mut self, url: &str) -> Option<Duration> {
        if self.given_up.contains_key(url) || self.patience.is_zero() {
            return None;
        }
        self.awaited.push(url.to_owned());
        Some(self.patience)
    }

    /// Notes that a server has answered, or failed, after a time.
    fn end(&mut self, url: &str, took: Duration) {
        if let Some(index) = self.awaited.iter().position(|awaited| awaited == url) {
            self.awaited.swap_remove(index);
        }
        self.patience = self.patience.saturating_sub(took);
    }
}
