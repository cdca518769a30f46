//! What is sent where, as arguments and the environment have it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use heaptrace_collector::symbolize::{NoRoots, tls_to};
use percent_encoding::percent_decode_str;
use ureq::http::{HeaderName, HeaderValue};
use ureq::tls::TlsConfig;

use crate::attributes::{Label, SERVICE};
use crate::target::{Protocol, TOKEN, Target};

/// The variable with the tenant, of a Pyroscope that has several.
const TENANT: &str = "HEAPTRACE_PUSH_TENANT";

/// OpenTelemetry's variables with headers; the later counts where both have one.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_PROFILES_HEADERS"];
/// OpenTelemetry's variable with attributes.
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// OpenTelemetry's variable with the name of the service.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// What is sent where.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where.
    pub target: Target,
    /// How often.
    pub interval: Duration,
    /// What each profile is labelled with.
    pub labels: Vec<Label>,
    /// What each request has beside what its kind has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whose certificates are trusted.
    pub tls: TlsConfig,
}

/// Why there are no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadSettings {
    /// The variable has what cannot be the value of a header.
    NoHeader(&'static str),
    /// There are no certificates where a variable says.
    NoRoots(NoRoots),
}

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSettings::NoHeader(variable) => {
                write!(f, "the value of {variable} cannot be sent as a header; look for line breaks in it")
            }
            BadSettings::NoRoots(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for BadSettings {}

impl Settings {
    /// How often profiles are sent if nobody says otherwise: as Pyroscope's own clients do it.
    pub const INTERVAL: Duration = Duration::from_secs(15);

    /// Those that arguments say, and the variables that `environment` looks up. The service is called
    /// `program` if neither names it.
    ///
    /// # Errors
    /// If a variable has what cannot be sent.
    pub fn new(
        target: Target,
        interval: Option<Duration>,
        labels: &[Label],
        program: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, BadSettings> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let attributes = variable(RESOURCE_ATTRIBUTES).unwrap_or_default();
        let attributes = pairs(&attributes).filter_map(|(name, value)| Label::literal(&name, &value));
        let service = variable(SERVICE_NAME).and_then(|name| Label::literal(SERVICE, &name));
        let all = Label::literal(SERVICE, program).into_iter().chain(attributes).chain(service);
        let labels = all.chain(labels.iter().cloned()).collect();
        let headers = headers(&target, variable)?;
        let tls = tls_to(&target.url).map_err(BadSettings::NoRoots)?;
        Ok(Settings { target, interval: interval.unwrap_or(Settings::INTERVAL), labels, headers, tls })
    }
}

/// OpenTelemetry's lists `name=value,name=value`, in which what is special is escaped as in URLs.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    text.split(',').filter_map(move |pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name), decoded(value))).filter(|(name, _)| !name.is_empty())
    })
}

fn headers(
    target: &Target,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(HeaderName, HeaderValue)>, BadSettings> {
    let mut all: Vec<(HeaderName, HeaderValue)> = Vec::new();
    let mut set = |name: &str, value: &str, from| -> Result<(), BadSettings> {
        let name: HeaderName = name.parse().map_err(|_| BadSettings::NoHeader(from))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| BadSettings::NoHeader(from))?;
        value.set_sensitive(true);
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
        Ok(())
    };
    for from in HEADERS.into_iter().filter(|_| target.protocol == Protocol::Otlp) {
        for (name, value) in pairs(&variable(from).unwrap_or_default()) {
            set(&name, &value, from)?;
        }
    }
    if let Some(tenant) = variable(TENANT) {
        set("x-scope-orgid", &tenant, TENANT)?;
    }
    let token = variable(TOKEN);
    match (&target.user, token) {
        (Some(user), token) => {
            let both = format!("{user}:{}", token.unwrap_or_default());
            set("authorization", &format!("Basic {}", BASE64_STANDARD.encode(both)), TOKEN)?;
        }
        (None, Some(token)) => set("authorization", &format!("Bearer {token}"), TOKEN)?,
        (None, None) => {}
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, variables: &[(&str, &str)]) -> Result<Settings, BadSettings> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Settings::new(url.parse().unwrap(), None, &[], "prog", value)
    }

    fn headers(url: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let all = settings(url, variables).unwrap().headers;
        all.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn who_sends_is_told_by_variables() {
        let otel = ("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b=x%2Cy,authorization=Api%20key,junk");
        let token = (TOKEN, "secret");
        assert_eq!(headers("http://h:4040", &[otel]), [""; 0], "these are OTLP's");
        assert_eq!(
            headers("http://h:4040", &[token, (TENANT, "t")]),
            ["x-scope-orgid: t", "authorization: Bearer secret"]
        );
        // printf 12:secret | base64
        assert_eq!(headers("http://12@h:4040", &[token]), ["authorization: Basic MTI6c2VjcmV0"]);
        assert_eq!(headers("http://h:4318", &[otel]), ["a: 1", "b: x,y", "authorization: Api key"]);
        let own = ("OTEL_EXPORTER_OTLP_PROFILES_HEADERS", "a=2");
        assert_eq!(
            headers("http://h:4318", &[otel, own, token]),
            ["b: x,y", "a: 2", "authorization: Bearer secret"]
        );
        for (name, value) in [(TOKEN, "a\nb"), (TENANT, "a\rb"), (HEADERS[0], "a b=c")] {
            assert_eq!(settings("http://h:4318", &[(name, value)]).unwrap_err(), BadSettings::NoHeader(name));
        }
    }
}
