//! Starting to serve.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use heaptrace_collector::question::Asker;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_http::{Access, Address, Socket, serve};

use super::routes::{Visitor, answer};
use super::site::Site;
use crate::live;

/// The variable with the token that clients must know, if there is to be one.
pub const TOKEN: &str = "HEAPTRACE_HTTP_TOKEN";

/// Where a session serves.
#[derive(Debug)]
pub struct Endpoints {
    /// For everybody who may.
    http: Option<(Socket, Access)>,
    /// For commands; without, there are none.
    owners: Option<Socket>,
}

impl Endpoints {
    /// Listens for the session's own user, and at the address, if there is one.
    ///
    /// # Errors
    /// If it cannot listen at the address.
    pub fn listen(address: Option<&Address>, token: Option<String>) -> io::Result<Endpoints> {
        let http = address.map(|address| -> io::Result<_> {
            let socket = address.listen()?;
            let access = Access::to(address, &socket, token);
            Ok((socket, access))
        });
        Ok(Endpoints { http: http.transpose()?, owners: live::listen().ok() })
    }

    /// The URL for clients, if there is one.
    pub fn url(&self) -> Option<String> {
        self.http.as_ref().map(|(socket, _)| socket.url())
    }

    /// Their descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let http = self.http.iter().map(|(socket, _)| socket);
        http.chain(&self.owners).map(|socket| socket.as_fd().as_raw_fd())
    }

    /// Serves the session that `asker` leads to from now on.
    pub fn serve(self, asker: Asker, symbolizer: Arc<Symbolizer>) -> Serving {
        let site = Arc::new(Site::new(asker, symbolizer));
        let mut serving = Serving { files: Vec::new() };
        let mut start = |socket: Socket, access, visitor| {
            serving.files.extend(socket.path());
            let site = Arc::clone(&site);
            // Without a thread for it there can be no session either, which says so.
            let _ = serve(socket, access, move |request| answer(&site, request, visitor));
        };
        self.http.into_iter().for_each(|(socket, access)| start(socket, access, Visitor::Guest));
        self.owners.into_iter().for_each(|owners| start(owners, Access::own_user(), Visitor::Owner));
        serving
    }
}

/// A session is served until this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Sockets, which go with it.
    files: Vec<PathBuf>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file); // who finds it left behind knows that nobody listens
        }
    }
}
