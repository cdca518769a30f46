//! What is there when the constructor is called: the program, as the kernel and the dynamic linker have
//! prepared it.

use core::ffi::CStr;

use heaptrace_channel::handshake::Refusal;
use heaptrace_channel::header::{MAX_COMMAND, MAX_PATH};
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

    /// The arguments, each followed by a NUL.
    pub fn command<'b>(&self, buffer: &'b mut Text<MAX_COMMAND>) -> &'b [u8] {
        self.arguments.iter().for_each(|argument| buffer.push(argument.to_bytes_with_nul()));
        buffer.bytes()
    }

    /// The path of the executable file.
    pub fn executable<'b>(&self, buffer: &'b mut [u8; MAX_PATH]) -> &'b [u8] {
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
