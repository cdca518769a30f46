//! What `heaptrace run` and its collector tell each other, as JSON over a pair of sockets.

use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use heaptrace_collector::summary::Summary;
use heaptrace_collector::symbolize::Progress;
use heaptrace_push::Pushed;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, recv};
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
    to.write_all(&text(value)?)
}

/// Sends a value, but does not wait: returns what there was no room for.
///
/// # Errors
/// If the other end is gone.
pub fn send_at_once(to: &UnixStream, value: &impl Serialize) -> io::Result<Vec<u8>> {
    let text = text(value)?;
    match net::send(to, &text, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => Ok(text[sent..].to_vec()),
        Err(Errno::AGAIN) => Ok(text),
        Err(why) => Err(why.into()),
    }
}

fn text(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Hears the values that come one by one, as they come, and waits for none.
#[derive(Debug)]
pub struct Ear<S> {
    socket: S,
    /// What came of those that are not whole, or have not been taken.
    heard: Vec<u8>,
}

impl<S: AsFd> Ear<S> {
    /// One that has heard nothing yet.
    pub fn new(socket: S) -> Ear<S> {
        Ear { socket, heard: Vec::new() }
    }

    /// From where it hears.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// The same, where nothing more is to be heard.
    pub fn into_socket(self) -> S {
        self.socket
    }

    /// The next value, if all of it is there.
    ///
    /// # Errors
    /// If the other end is gone, or what comes from there is none.
    pub fn hear<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut piece = [0; 512];
        loop {
            if let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                let text: Vec<_> = self.heard.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&text)?));
            }
            match recv(&self.socket, &mut piece, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) => self.heard.extend(&piece[..length]),
                Err(Errno::AGAIN) => return Ok(None),
                Err(why) => return Err(why.into()),
            }
        }
    }
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
    fn who_does_not_wait_hears_each_value_when_all_of_it_is_there() {
        let (one, other) = UnixStream::pair().unwrap();
        let mut ear = Ear::new(&other);
        let mut hear = || ear.hear::<u32>();
        assert_eq!(hear().unwrap(), None);
        (&one).write_all(b"12").unwrap();
        assert_eq!(hear().unwrap(), None);
        (&one).write_all(b"3\n4\n5").unwrap();
        assert_eq!([(); 3].map(|()| hear().unwrap()), [Some(123), Some(4), None]);
        drop(one);
        assert!(hear().is_err());
    }

    #[test]
    fn what_there_is_no_room_for_is_left_to_send() {
        let (one, other) = UnixStream::pair().unwrap();
        let long = "x".repeat(1 << 20);
        let rest = send_at_once(&one, &long).unwrap();
        assert!((1..long.len()).contains(&rest.len()), "{}", rest.len());
        std::thread::scope(|scope| {
            scope.spawn(move || (&one).write_all(&rest).unwrap());
            assert!(values::<String>(&other).next() == Some(long));
        });
        let (one, other) = UnixStream::pair().unwrap();
        assert!(send_at_once(&one, &1).unwrap().is_empty());
        drop(other);
        assert!(send_at_once(&one, &1).is_err());
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
