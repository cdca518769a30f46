//! What `heaptrace run` says while it waits, beside the summary.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::names::progress;
use crate::control::Stage;
use crate::run::NoSummary;

/// Where a browser and other clients find the program's profiles.
pub fn serving(url: &str) -> String {
    match url.strip_prefix("unix:") {
        Some(path) => format!("serving the viewer at / and /debug/pprof/ at the socket {path}"),
        None => format!("serving the viewer at {url}/ and {url}/debug/pprof/"),
    }
}

/// What is waited for at the end.
pub fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Names(progress) => self::progress(progress),
        Stage::Push(to) => format!("pushing to {to}"),
    }
}

/// Why there is no summary.
pub fn no_summary(why: &NoSummary) -> String {
    match why {
        NoSummary::Interrupted => "the profile will be there when its names have been looked up".to_owned(),
        NoSummary::Failed(why) => {
            format!("there is no profile: the collector could not start: {why}; look at ulimit -u -n -v")
        }
        NoSummary::Ended(status) => format!("there is no profile: the collector {}", ended(*status)),
    }
}

fn ended(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.signal(), status.code())) {
        Some((Some(signal), _)) => format!("was ended by signal {signal}"),
        Some((_, Some(code))) => format!("ended with status {code}"),
        _ => "has ended".to_owned(),
    }
}
