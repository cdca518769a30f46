//! What is there when the constructor is called: the program, as the kernel and the dynamic linker have
//! prepared it.

use core::ffi::CStr;

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::identity::{MAX_COMMAND, MAX_PATH, Who};
use heaptrace_channel::plain::Key;
use heaptrace_channel::sanitizer::SANITIZERS;
use heaptrace_recorder::c_library::{Auxiliary, Name, Objects, Strings};
use heaptrace_recorder::sys;

use crate::session::Text;

/// What is there when the constructor is called.
#[derive(Clone, Copy)]
pub struct Surroundings {
    pub vector: Auxiliary,
    pub arguments: Strings,
    pub environment: Strings,
    pub objects: Objects,
    is_known_c_library: bool,
    /// The runtime of a sanitizer is among the objects.
    pub has_sanitizer: bool,
}

impl Surroundings {
    /// `given` are the arguments and the environment, if this is glibc.
    pub fn find(given: (Strings, Strings)) -> Option<Surroundings> {
        let vector = Auxiliary::find()?;
        let objects = Objects::of(vector)?;
        let is_glibc = objects.find(&Name::new("gnu_get_libc_version")).is_some();
        let is_musl = objects.find(&Name::new("_dl_debug_addr")).is_some();
        let (arguments, environment) = if is_glibc { given } else { vector.arguments_and_environment()? };
        let has_sanitizer =
            SANITIZERS.iter().any(|sanitizer| objects.find(&Name::new(sanitizer.function)).is_some());
        let is_known_c_library = is_glibc || is_musl;
        Some(Surroundings { vector, arguments, environment, objects, is_known_c_library, has_sanitizer })
    }

    /// Can this process be seen at all?
    ///
    /// # Errors
    /// Why not.
    pub fn check(self) -> Result<(), Refusal> {
        match (self.has_sanitizer, self.is_known_c_library) {
            (true, _) => Err(Refusal::Sanitizer),
            (false, false) => Err(Refusal::OtherLibc),
            (false, true) => Ok(()),
        }
    }

    /// Tells who the program is, now that the library starts; `plain` is its executable, if the collector knows it.
    pub fn tell(&self, plain: Option<Key>, to: impl FnOnce(&Who)) {
        let (mut command, mut executable) = (Text::<MAX_COMMAND>::of(&[]), [0; MAX_PATH]);
        let executable = if plain.is_some() { &[] } else { self.executable(&mut executable) };
        self.arguments.iter().for_each(|argument| command.push(argument.to_bytes_with_nul()));
        to(&Who {
            pid: sys::pid(),
            started: sys::now(libc::CLOCK_MONOTONIC),
            command: command.bytes(),
            plain,
            executable,
            started_as: self.started_as(),
        });
    }

    /// The path of the executable file.
    fn executable<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
        match self.vector.value(libc::AT_BASE) {
            Some(0) => self.started_as(), // the dynamic linker was executed, to run the program
            _ => sys::read_link(c"/proc/self/exe", buffer),
        }
    }

    /// The path that was given to exec.
    pub fn started_as(&self) -> &'static [u8] {
        self.vector.path_given_to_exec().map_or(&[], CStr::to_bytes)
    }
}
