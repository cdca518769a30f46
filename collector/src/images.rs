//! The images of a session, how often each is looked at, and when it is dropped.

use std::time::{Duration, Instant};

use crate::image::Image;

/// The number of an image, which no other one of its session has.
pub type ImageId = u64;

/// How soon an image without a known process is looked at for unknown ones, and, after having been
/// left longer and longer, how often at least.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Those that something can still happen in.
#[derive(Debug)]
pub struct Images {
    /// Each behind those that were taken on before.
    all: Vec<(ImageId, Image)>,
    next: ImageId,
    /// When they were last looked at for those in which nothing can happen any more, and how soon again.
    looked: Instant,
    interval: Duration,
}

impl Images {
    /// None yet.
    pub fn none() -> Images {
        Images { all: Vec::new(), next: 0, looked: Instant::now(), interval: INTERVAL.0 }
    }

    /// All of them, in their order.
    pub fn all(&self) -> &[(ImageId, Image)] {
        &self.all
    }

    /// As [`Images::all`], to change them.
    pub fn all_mut(&mut self) -> &mut [(ImageId, Image)] {
        &mut self.all
    }

    /// The one of that number, if it is still there.
    pub fn find(&self, id: ImageId) -> Option<&Image> {
        self.all.iter().find(|(other, _)| *other == id).map(|(_, image)| image)
    }

    /// Takes one on, with the events that are there: of a forked child, too, that has gone on to another program, in an
    /// image which may come next.
    pub fn add(&mut self, mut image: Image) {
        image.catch_up();
        self.all.push((self.next, image));
        self.next += 1;
    }

    /// Marks the process `pid` as one that has gone on to another program. True if it was in one of them.
    pub fn replace(&mut self, pid: u32) -> bool {
        let left = self.all.iter_mut().map(|(_, image)| image.replace(pid));
        left.fold(false, |any, left| any | left)
    }

    /// Adds all events that are there, and reads the modules that are new.
    pub fn drain(&mut self) {
        self.all.iter_mut().for_each(|(_, image)| image.catch_up());
    }

    /// How long all of them may be left alone if nothing wakes the session; `None` if there are none.
    pub fn pause(&self) -> Option<Duration> {
        let of = |image: &Image| match image.is_deserted() {
            true => image.pause().min(self.interval),
            false => image.pause(),
        };
        self.all.iter().map(|(_, image)| of(image)).min()
    }

    /// Something happened, behind which one of them may soon be over.
    pub fn hurry(&mut self) {
        self.interval = INTERVAL.0;
    }

    /// Drops those in which nothing can happen any more, each of which `last` sees before. Looks for them now and
    /// then only, unless somebody waits for that. `none_forked`: none of their processes has a child. True if there were
    /// some.
    pub fn drop_abandoned(
        &mut self,
        is_awaited: bool,
        none_forked: bool,
        mut last: impl FnMut(&Image),
    ) -> bool {
        if self.looked.elapsed() < self.interval && !is_awaited {
            return false;
        }
        self.looked = Instant::now();
        let before = self.all.len();
        self.all.retain_mut(|(_, image)| {
            // After it was abandoned, one more look: an unknown child may have written until then.
            let goes_on = !image.is_abandoned(none_forked)
                || image.drain() > 0
                || image.members().iter().next().is_some();
            if !goes_on {
                last(image);
            }
            goes_on
        });
        self.interval = (2 * self.interval).min(INTERVAL.1);
        self.all.len() != before
    }
}
