//! Where those come who look at a session while it goes on. Hardly anybody does, so there is no thread for them before
//! the first one knocks.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use crate::wake::{Waker, is_any_readable};

/// Sockets that are listened on, and who takes those who come.
pub struct Door {
    sockets: Vec<OwnedFd>,
    open: Box<dyn FnOnce() + Send>,
}

impl Door {
    /// With these sockets; `open` has those served who come, from the first on.
    pub fn new(sockets: Vec<OwnedFd>, open: impl FnOnce() + Send + 'static) -> Door {
        Door { sockets, open: Box::new(open) }
    }

    /// Has `waker` wake when somebody knocks.
    ///
    /// # Errors
    /// If a socket cannot be watched.
    pub fn watch(&self, waker: &Waker) -> io::Result<()> {
        self.sockets.iter().try_for_each(|socket| waker.watch_at_once(socket))
    }

    /// Is somebody there?
    pub fn is_knocked_at(&self) -> bool {
        is_any_readable(&self.sockets)
    }

    /// Has those served who come.
    pub fn open(self) {
        (self.open)();
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::time::Duration;

    use super::*;
    use crate::wake::Bed;

    #[test]
    fn the_door_is_opened_for_the_first_who_knocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (listener, is_open) = (UnixListener::bind(&path).unwrap(), Arc::new(AtomicBool::new(false)));
        let (sets, mut bed) = (Arc::clone(&is_open), Bed::new().unwrap());
        let door = Door::new(vec![listener.into()], move || sets.store(true, Relaxed));
        door.watch(bed.waker()).unwrap();
        assert!(!door.is_knocked_at());
        let _client = UnixStream::connect(&path).unwrap();
        bed.sleep(Duration::from_secs(30));
        assert!(door.is_knocked_at() && !is_open.load(Relaxed));
        door.open();
        assert!(is_open.load(Relaxed));
    }
}
