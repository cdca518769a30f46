//! Where a session serves, before it does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use heaptrace_collector::Door;
use heaptrace_collector::question::Asker;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_http::{Access, Address, Socket};
use heaptrace_push::Account;

use super::routes::Visitor;
use super::serving::Serving;
use crate::live;

/// The variable with the token that clients must know, if there is to be one.
pub const TOKEN: &str = "HEAPTRACE_HTTP_TOKEN";

/// Where a session serves.
#[derive(Debug)]
pub struct Endpoints {
    /// For everybody who may.
    http: Option<Http>,
    /// For commands; without, there are none.
    owners: Option<Socket>,
}

#[derive(Debug)]
enum Http {
    Open(Socket, Access),
    /// Somebody else listens there.
    Awaited(Address, Option<String>),
}

impl Endpoints {
    /// Listens for the session's own user, and at the address, if there is one.
    ///
    /// # Errors
    /// If it cannot listen at the address.
    pub fn listen(address: Option<&Address>, token: Option<String>) -> io::Result<Endpoints> {
        let http = address.map(|address| open(address, token)).transpose()?;
        Ok(Endpoints { http, owners: live::listen().ok() })
    }

    /// The same; but where somebody else listens at the address, it is waited for while the session goes on.
    ///
    /// # Errors
    /// If it cannot listen at the address for another reason.
    pub fn listen_soon(address: Option<&Address>, token: Option<String>) -> io::Result<Endpoints> {
        let http = address.map(|address| match open(address, token.clone()) {
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => Ok(Http::Awaited(address.clone(), token)),
            opened => opened,
        });
        Ok(Endpoints { http: http.transpose()?, owners: live::listen().ok() })
    }

    /// The URL for clients, if there is one.
    pub fn url(&self) -> Option<String> {
        self.socket().map(Socket::url)
    }

    /// Their descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.socket().into_iter().chain(&self.owners).map(|socket| socket.as_fd().as_raw_fd())
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.http {
            Some(Http::Open(socket, _)) => Some(socket),
            Some(Http::Awaited(..)) | None => None,
        }
    }

    /// Serves the session that `asker` leads to, of which `pushes` tells what is sent, from when somebody knocks at the
    /// door. `complain` hears of an address that was waited for in vain.
    pub fn serve(
        self,
        asker: Asker,
        symbolizer: Arc<Symbolizer>,
        pushes: Option<Account>,
        complain: impl FnOnce(&Address, &io::Error) + Send + 'static,
    ) -> io::Result<(Serving, Door)> {
        let serving = Serving::new(asker, symbolizer, pushes);
        let owners = self.owners.map(|owners| (owners, Access::own_user(), Visitor::Owner));
        let guests = match self.http {
            Some(Http::Open(socket, access)) => Some((socket, access, Visitor::Guest)),
            Some(Http::Awaited(address, token)) => {
                serving.begin_soon(address, token, complain);
                None
            }
            None => None,
        };
        let (mut sockets, mut begin) = (Vec::new(), Vec::new());
        for (socket, access, visitor) in guests.into_iter().chain(owners) {
            sockets.push(socket.as_fd().try_clone_to_owned()?);
            begin.push(serving.begin(socket, access, visitor));
        }
        Ok((serving, Door::new(sockets, || begin.into_iter().for_each(|begin| begin()))))
    }
}

fn open(address: &Address, token: Option<String>) -> io::Result<Http> {
    let socket = address.listen()?;
    let access = Access::to(address, &socket, token);
    Ok(Http::Open(socket, access))
}
