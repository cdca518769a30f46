//! A process that was over before anybody looked, and has recorded nothing: where processes start one after the
//! other, that are most. Its segment is not even mapped.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use heaptrace_channel::Segment;
use heaptrace_channel::header::Header;
use rustix::fs::{SealFlags, fcntl_add_seals};
use rustix::io::pread;

use crate::patch::PlainPrograms;
use crate::program::Program;

/// What is known of one.
#[derive(Debug)]
pub struct Silent(Box<Header>);

impl Silent {
    /// That of a segment that nobody has any more, neither its process nor a child of it, if nothing was recorded.
    pub fn of(file: &OwnedFd) -> Option<Silent> {
        fcntl_add_seals(file, SealFlags::WRITE).ok()?; // which cannot be as long as somebody has it
        let read = |bytes: &mut [u8], at| pread(file, &mut *bytes, at as u64) == Ok(bytes.len());
        Segment::unused(read).map(|header| Silent(Box::new(header)))
    }

    /// When it began to be recorded, by the monotonic clock.
    pub fn started(&self) -> Duration {
        Duration::from_nanos(self.0.identity.started())
    }

    /// Its name, if the malloc that it calls is another one.
    pub fn with_own_malloc(&self, pid: u32, plain: &PlainPrograms) -> Option<OsString> {
        let name = || Program::of(pid, &self.0.identity, plain).name().to_owned();
        (self.0.shadowed.load(Relaxed) != 0).then(name)
    }
}

#[cfg(test)]
mod tests {
    use heaptrace_channel::Geometry;
    use heaptrace_channel::header::Start;
    use heaptrace_channel::identity::Who;
    use heaptrace_channel::processes::Process;
    use heaptrace_channel::ring::{Event, LastRing, Message, Rseq, Words};
    use heaptrace_channel::sample::{Era, Sample};
    use heaptrace_channel::stacks::ROOT;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;
    use crate::mapping::SharedMemory;

    const GEOMETRY: Geometry = Geometry::SMALLEST;

    /// The segment of a program that has done something there; it is gone when the mapping is.
    fn program(does: impl FnOnce(&Segment)) -> (OwnedFd, SharedMemory) {
        let file = memfd_create("segment", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, Segment::size(GEOMETRY) as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        let mapping = SharedMemory::new(file.try_clone().unwrap()).unwrap();
        // SAFETY: mapped, and of that size; it is not used when the mapping is gone.
        let segment = unsafe { Segment::create(mapping.base.as_ptr(), GEOMETRY) };
        let who = Who { started: 7, started_as: b"/bin/it", ..Who::default() };
        segment.header().publish(&Start { geometry: GEOMETRY, who, ..Start::default() });
        does(&segment);
        (file, mapping)
    }

    #[test]
    fn a_process_is_silent_when_nobody_has_its_segment_and_nothing_was_recorded() {
        let (file, mapping) = program(|_| {});
        assert!(Silent::of(&file).is_none(), "it is there");
        drop(mapping);
        let silent = Silent::of(&file).unwrap();
        assert_eq!(silent.started(), Duration::from_nanos(7));
        assert_eq!(silent.with_own_malloc(1, &PlainPrograms::default()), None);
        let (file, _) = program(|segment| segment.header().shadowed.store(1, Relaxed));
        let name = Silent::of(&file).unwrap().with_own_malloc(1, &PlainPrograms::default());
        assert_eq!(name.as_deref(), Some("it".as_ref()));
    }

    #[test]
    fn what_was_recorded_can_still_be_read() {
        let (file, _) = program(|segment| {
            let sample = Sample { stack: ROOT, size: 1, era: Era::FIRST };
            let message = Words::of(Message::Happened(Process(0), Event::Allocated(sample)));
            segment.rings().write(Rseq::NONE, &LastRing::default(), message, || ()).unwrap();
        });
        assert!(Silent::of(&file).is_none());
        let mapping = SharedMemory::new(file).unwrap();
        // SAFETY: as above.
        let segment = unsafe { Segment::open(mapping.base.as_ptr(), mapping.size) }.unwrap();
        assert_eq!(segment.rings().written(), 1);
        assert!(mapping.is_abandoned().unwrap());
    }

    #[test]
    fn who_has_lost_something_is_not_silent() {
        let (file, _) = program(|segment| {
            segment.processes().slot(Process(0)).lost_samples.store(1, Relaxed);
        });
        assert!(Silent::of(&file).is_none());
    }

    #[test]
    fn what_is_no_segment_is_not_silent() {
        let file = memfd_create("other", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert!(Silent::of(&file).is_none());
    }
}
