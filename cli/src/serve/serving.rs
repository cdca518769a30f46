//! A session that is served, until it is over.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use heaptrace_collector::question::Asker;
use heaptrace_collector::symbolize::Symbolizer;
use heaptrace_http::{Access, Address, Socket, serve};
use heaptrace_push::Account;
use rustix::net::{Shutdown, shutdown};

use super::routes::{Visitor, answer};
use super::site::Site;

/// How long an address may still be that of an earlier session: a service that is started again at once
/// finds the collector of its last run there, which is writing that one's profile.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session is served until this is dropped.
#[derive(Debug)]
pub struct Serving(Arc<Served>);

#[derive(Debug)]
struct Served {
    site: Arc<Site>,
    /// Where; `None` when it is over.
    places: Mutex<Option<Vec<Listening>>>,
}

#[derive(Debug)]
struct Listening {
    /// The socket that is listened on, unless there were too many descriptors.
    socket: Option<OwnedFd>,
    /// Its file, which goes with it.
    file: Option<PathBuf>,
}

impl Serving {
    /// Nowhere yet.
    pub fn new(asker: Asker, symbolizer: Arc<Symbolizer>, pushes: Option<Account>) -> Serving {
        let site = Arc::new(Site::new(asker, symbolizer, pushes));
        Serving(Arc::new(Served { site, places: Mutex::new(Some(Vec::new())) }))
    }

    /// There too, when what this returns is called: connections wait until then.
    pub fn begin(&self, socket: Socket, access: Access, visitor: Visitor) -> impl FnOnce() + Send + use<> {
        self.0.add(&socket);
        let served = Arc::clone(&self.0);
        move || served.begin(socket, access, visitor)
    }

    /// There too, as soon as nobody else is. `complain` hears why not.
    pub fn begin_soon(
        &self,
        address: Address,
        token: Option<String>,
        complain: impl FnOnce(&Address, &io::Error) + Send + 'static,
    ) {
        let served = Arc::clone(&self.0);
        let wait = move || {
            if let Err(why) = served.begin_at(&address, token) {
                complain(&address, &why);
            }
        };
        // Without a thread for it there can be no session either, which says so.
        let _ = thread::Builder::new().spawn(wait);
    }
}

impl Served {
    fn places(&self) -> MutexGuard<'_, Option<Vec<Listening>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a place. False if all is over.
    fn add(&self, socket: &Socket) -> bool {
        let place = Listening { socket: socket.as_fd().try_clone_to_owned().ok(), file: socket.path() };
        self.places().as_mut().map(|places| places.push(place)).is_some()
    }

    fn begin(&self, socket: Socket, access: Access, visitor: Visitor) {
        let site = Arc::clone(&self.site);
        // Without a thread for it nobody listens there any more.
        let _ = serve(socket, access, move |request| answer(&site, request, visitor));
    }

    fn begin_at(&self, address: &Address, token: Option<String>) -> io::Result<()> {
        const STEP: Duration = Duration::from_millis(100);
        let since = Instant::now();
        let socket = loop {
            match address.listen() {
                Err(why) if why.kind() == io::ErrorKind::AddrInUse && since.elapsed() < PATIENCE => {
                    thread::sleep(STEP);
                }
                result => break result?,
            }
        };
        let access = Access::to(address, &socket, token);
        if self.add(&socket) {
            self.begin(socket, access, Visitor::Guest);
        }
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        for Listening { socket, file } in self.0.places().take().into_iter().flatten() {
            if let Some(socket) = socket {
                // This process may go on for a while, and the next session may listen there at once.
                let _ = shutdown(&socket, Shutdown::Both); // it ends with the process otherwise
            }
            if let Some(file) = file {
                let _ = std::fs::remove_file(file); // who finds it left behind knows that nobody listens
            }
        }
    }
}
