//! Plans of earlier sessions, for files that take long to read.

use std::time::{Duration, Instant};

use heaptrace_symbolize::{Code, Kept};

use super::file::FilePlan;

/// What takes less is as soon found out again as read.
const WORTH_KEEPING: Duration = Duration::from_millis(2);

/// The plan for a file: that of an earlier session, or else a new one, which is kept if that is worth it.
pub fn plan(code: &Code, is_program: bool, kept: Option<&Kept>) -> FilePlan {
    let matter = if is_program { ".program" } else { ".library" };
    let place = kept.and_then(|kept| code.place(kept, matter));
    if let Some(plan) = place.as_ref().and_then(|place| FilePlan::unpack(place.read()?)) {
        return plan;
    }
    let begun = Instant::now();
    let plan = FilePlan::of(code, is_program);
    if let Some(place) = place.filter(|_| begun.elapsed() > WORTH_KEEPING) {
        place.write(plan.pack()).ok(); // it is only found out again
    }
    plan
}
