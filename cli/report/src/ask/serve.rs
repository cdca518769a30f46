//! `report --http`: the viewer as a server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, thread};

use anyhow::Context;
use heaptrace_http::{Access, Address, Request, Response, serve};
use heaptrace_pprof::encode;

use crate::ask::viewer::{self, Choice, Choices, Way};
use crate::profile::part::Base;
use crate::profile::{load, prune};
use crate::render::browser;
use crate::say::say;
use crate::view::basis::{Options, View};
use crate::view::pack::pack;

/// Profiles that are served.
pub struct Served {
    /// Where they are.
    pub files: Vec<PathBuf>,
    /// What is subtracted.
    pub base: Option<Base>,
    /// How they are shown at first.
    pub options: Options,
}

/// What pages were given last.
struct Site {
    served: Served,
    /// All profiles together, and those of them that were looked at alone, by their places from 1 on.
    data: Mutex<BTreeMap<usize, Arc<Vec<u8>>>>,
}

/// Serves them until the process ends.
pub fn run(served: Served, address: &Address, opens: bool) -> anyhow::Result<()> {
    let data = Mutex::new(BTreeMap::from([(0, Arc::new(served.data(0, &Way::default())?))]));
    let socket = address.listen().with_context(|| format!("cannot listen at {address}"))?;
    let url = socket.url();
    let access = Access::to(address, &socket, None);
    let site = Site { served, data };
    serve(socket, access, move |request| site.answer(request)).context("cannot serve")?;
    say(format_args!("the viewer is at {url}/ until Ctrl-C"));
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some());
    if opens && has_display {
        browser::open(&url);
    }
    loop {
        thread::park();
    }
}

impl Served {
    /// What the page understands of one of them, from 1 on, or of all.
    fn data(&self, which: usize, way: &Way) -> anyhow::Result<Vec<u8>> {
        let one = which.checked_sub(1).and_then(|index| self.files.get(index));
        let files = one.map_or(&*self.files, std::slice::from_ref);
        viewer::bytes(load::load(files, self.base.as_ref())?, &self.options, way)
    }

    /// What there is to choose from.
    fn session(&self) -> Choices {
        let all = Choice { label: "all together".to_owned(), wishes: BTreeMap::new() };
        let one = |(index, label): (usize, String)| Choice {
            label,
            wishes: BTreeMap::from([("profile", (index + 1).to_string())]),
        };
        let parts = if self.is_lasting() { viewer::labels(&self.files) } else { Vec::new() };
        let parts = parts.into_iter().enumerate().map(one);
        Choices { profiles: [all].into_iter().chain(parts).collect(), marks: Vec::new(), live: false }
    }

    /// Whether they can be read again.
    fn is_lasting(&self) -> bool {
        self.files
            .iter()
            .chain(self.base.iter().flat_map(|base| &base.files))
            .all(|place| viewer::lasts(place))
    }

    /// All of it as a file of `profile.proto`.
    fn file(&self) -> anyhow::Result<Vec<u8>> {
        let mut profile = load::load(&self.files, self.base.as_ref())?;
        prune::prune(&mut profile);
        Ok(encode(&pack(&View::new(&profile, &self.options)?)))
    }
}

impl Site {
    fn answer(&self, request: &Request) -> Response {
        match request.path() {
            "/" => viewer::page(),
            "/viewer/session" => viewer::session(&self.served.session()),
            "/viewer/data" => {
                let which = request.query("profile").and_then(|text| text.parse().ok()).unwrap_or(0);
                match viewer::way(request) {
                    Ok(way) if way == Way::default() => self.data(which, request.query("refresh").is_some()),
                    Ok(way) => self.close(which, &way),
                    Err(response) => response,
                }
            }
            "/download" if self.served.is_lasting() => match self.served.file() {
                Ok(bytes) => Response::new("application/vnd.google.protobuf+gzip", bytes)
                    .header("Content-Disposition", "attachment; filename=\"profile.pb.gz\""),
                Err(error) => Response::error(500, &format!("{error:#}")),
            },
            _ => viewer::redirect(request).unwrap_or_else(|| Response::error(404, "404 page not found")),
        }
    }

    /// One of the profiles, or all, for a reader who has come close to something. Not kept.
    fn close(&self, which: usize, way: &Way) -> Response {
        if !self.served.is_lasting() {
            return Response::error(404, "the profile cannot be read again");
        }
        match self.served.data(which, way) {
            Ok(bytes) => viewer::data(bytes),
            Err(error) => Response::error(500, &format!("{error:#}")),
        }
    }

    /// One of the profiles, or all; read again if that is asked for and can be.
    fn data(&self, which: usize, again: bool) -> Response {
        if which > self.served.files.len() {
            return Response::error(404, "there is no such profile");
        }
        // One at a time, however many pages ask.
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if self.served.is_lasting() && (again || !data.contains_key(&which)) {
            match self.served.data(which, &Way::default()) {
                Ok(bytes) => _ = data.insert(which, Arc::new(bytes)),
                Err(error) => return Response::error(500, &format!("{error:#}")),
            }
        }
        let bytes = data.get(&which).map(Arc::clone);
        drop(data);
        match bytes {
            Some(bytes) => viewer::data(bytes.to_vec()),
            None => Response::error(404, "that profile can be read together with the others only"),
        }
    }
}
