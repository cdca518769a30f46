//! What `heaptrace run` and its collector tell each other, as JSON over a pair of sockets.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;

use heaptrace_collector::summary::Summary;
use heaptrace_collector::symbolize::Progress;
use heaptrace_push::Pushed;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What `run` tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum Milestone {
    /// The program was started, as this process.
    Started(u32),
    /// The program has ended. `run` waits for the summary.
    Ended {
        /// The program's largest resident set in bytes; 0 if that is not known.
        most_resident: u64,
    },
}

/// What the collector tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// What it is at; told now and then while `run` waits.
    Stage(Stage),
    /// What the session has come to, and what has become of the profiles that were to be sent.
    Summary(Box<Summary>, Option<Pushed>),
    /// Why there is no session.
    Failed(String),
}

/// What `run` waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Stage {
    /// Names are looked up: so far.
    Names(Progress),
    /// The last profiles are sent to this URL.
    Push(String),
}

/// Sends a value.
///
/// # Errors
/// If the other end is gone.
pub fn send(mut to: &UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    to.write_all(&text)
}

/// The values that come, until the other end is gone.
pub fn values<T: DeserializeOwned>(from: &UnixStream) -> impl Iterator<Item = T> {
    let values = serde_json::Deserializer::from_reader(BufReader::new(from)).into_iter();
    values.map_while(Result::ok)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use heaptrace_channel::handshake::Refusal;
    use heaptrace_collector::recording::Counters;
    use heaptrace_collector::summary::{
        Malloc, Memory, Missed, OtherProfiles, OtherSeries, Outcome, Refused, Series, TurnedAway, Unpatched,
        WhyMissed, WhyUnpatched, Written,
    };
    use heaptrace_collector::symbolize::Complaint;

    use super::*;

    #[test]
    fn facts_arrive_as_they_were_sent_names_of_any_bytes_too() {
        let name = OsStr::from_bytes(b"!\n\xFF?").to_owned();
        let counters = Counters { samples: 1, lost_samples: 2, is_damaged: true, ..Counters::default() };
        let written = |outcome| Written {
            path: name.clone().into(),
            name: name.clone(),
            pid: 7,
            is_program: true,
            counters,
            rate: 5,
            malloc: Malloc::Own,
            memory: Memory { most_in_use: 1, resident: 2, most_resident: 3 },
            outcome,
        };
        let summary = Summary {
            series: vec![Series {
                name: name.clone(),
                pid: 7,
                first: name.clone().into(),
                last: "b".into(),
                count: 2,
                failed: None,
            }],
            profiles: vec![written(Outcome::File), written(Outcome::Failed("?\n".into()))],
            other_profiles: OtherProfiles { count: 3, counters, failed: 1, why: "?".into() },
            other_series: OtherSeries { processes: 1, count: 2, failed: Some("?".into()) },
            refused: vec![Refused { pid: 8, name: "\r".into(), why: Refusal::OldLibc }],
            running: 1,
            processes: 2,
            turned_away: vec![TurnedAway { name: OsStr::from_bytes(b"\xff").into(), count: 9 }],
            other_refused: 1,
            missed: vec![Missed::one(9, "x".into(), WhyMissed::OwnMalloc)],
            missed_more: true,
            complaints: vec![Complaint::TooSlow],
            unpatched: vec![Unpatched { name: OsStr::new("x").into(), pid: 3, why: WhyUnpatched::Forbidden }],
        };
        let (one, other) = UnixStream::pair().unwrap();
        let pushed = Some(Pushed {
            to: "x".into(),
            sent: 1,
            bytes: 4,
            failed: 5,
            retried: 6,
            lost: 2,
            waiting: 3,
            why: Some("?".into()),
        });
        send(&one, &Report::Stage(Stage::Names(Progress::default()))).unwrap();
        send(&one, &Report::Summary(Box::new(summary.clone()), pushed.clone())).unwrap();
        drop(one);
        let mut reports = values::<Report>(&other);
        assert!(matches!(reports.next(), Some(Report::Stage(_))));
        assert!(
            matches!(reports.next(), Some(Report::Summary(same, too)) if *same == summary && too == pushed)
        );
        assert!(reports.next().is_none());
    }

    #[test]
    fn an_end_that_is_gone_is_the_end() {
        let (one, other) = UnixStream::pair().unwrap();
        (&one).write_all(b"{\"Summ").unwrap();
        drop(one);
        assert!(values::<Report>(&other).next().is_none());
        assert!(send(&other, &Milestone::Ended { most_resident: 0 }).is_err());
    }
}
