//! What the program finds in its environment: the library that it is to load, and where somebody listens to
//! that.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use heaptrace_channel::config::{self, SOCKET_FOLDER, TOKEN_LENGTH};
use heaptrace_collector::Sockets;

use super::args::Children;
use super::preflight::Obstacle;
use super::program::Command;
use crate::library::{self, Library};

/// Where a session listens, and what it must be told.
#[derive(Debug)]
pub struct Invitation {
    /// The sockets, under a name of this session's own.
    pub sockets: Sockets,
    /// The secret.
    pub token: [u8; TOKEN_LENGTH],
    /// The library.
    pub library: PathBuf,
}

impl Invitation {
    /// Puts one into the environment of a program, of which `obstacle` tells why it will not follow it.
    ///
    /// # Errors
    /// If the library has no place, or there can be no sockets.
    pub fn put(
        command: &mut Command,
        library: Library,
        obstacle: Option<&Obstacle>,
        children: Children,
    ) -> Result<Invitation> {
        let library = library.unpack()?;
        let (token, name) = (random_token()?, format!("heaptrace-{}", random_token()?));
        let folder = library.parent().unwrap_or(Path::new(SOCKET_FOLDER));
        let sockets = Sockets::bind(&name, folder).context("cannot listen on a unix socket")?;
        if obstacle.is_none_or(Obstacle::tolerates_preload) {
            command.set("LD_PRELOAD", library::preload(&library, command.get("LD_PRELOAD")));
        }
        command.set(config::CHILDREN, if children == Children::All { "all" } else { "none" }.into());
        command.session = format!("{name}:{token}");
        let token = token.as_bytes().try_into().context("malformed token")?;
        Ok(Invitation { sockets, token, library })
    }
}

fn random_token() -> Result<String> {
    let mut bytes = [0; TOKEN_LENGTH / 2];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
