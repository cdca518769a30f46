//! `report --http`: the viewer as a server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, thread};

use anyhow::Context;
use heaptrace_http::{Access, Address, Request, Response, serve};
use heaptrace_pprof::encode;

use crate::ask::viewer;
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
    data: Mutex<Arc<Vec<u8>>>,
}

/// Serves them until the process ends.
pub fn run(served: Served, address: &Address, opens: bool) -> anyhow::Result<()> {
    let data = Mutex::new(Arc::new(served.data()?));
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
    /// What the page understands of them.
    fn data(&self) -> anyhow::Result<Vec<u8>> {
        viewer::bytes(load::load(&self.files, self.base.as_ref())?, &self.options, false)
    }

    /// Whether they can be read again.
    fn is_lasting(&self) -> bool {
        let base = self.base.iter().map(|base| &base.file);
        // What is no file, such as a pipe, gives its bytes once.
        let lasts =
            |place: &PathBuf| place.is_file() || place.to_str().is_some_and(|text| text.contains("://"));
        self.files.iter().chain(base).all(lasts)
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
            // Of files there is nothing else.
            "/viewer/session" => {
                Response::new("application/json", r#"{"processes":[],"marks":[],"live":false}"#)
            }
            "/viewer/data" => self.data(request.query("refresh").is_some()),
            "/download" if self.served.is_lasting() => match self.served.file() {
                Ok(bytes) => Response::new("application/vnd.google.protobuf+gzip", bytes)
                    .header("Content-Disposition", "attachment; filename=\"profile.pb.gz\""),
                Err(error) => Response::error(500, &format!("{error:#}")),
            },
            _ => viewer::redirect(request).unwrap_or_else(|| Response::error(404, "404 page not found")),
        }
    }

    /// The profile; read again if that is asked for and can be.
    fn data(&self, again: bool) -> Response {
        // One at a time, however many pages ask.
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if again && self.served.is_lasting() {
            match self.served.data() {
                Ok(bytes) => *data = Arc::new(bytes),
                Err(error) => return Response::error(500, &format!("{error:#}")),
            }
        }
        let bytes = Arc::clone(&data);
        drop(data);
        viewer::data(bytes.to_vec())
    }
}
