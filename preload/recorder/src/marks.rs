//! Marks: the program gives the present moment a name.

use heaptrace_channel::marks::{MarkPart, is_name};
use heaptrace_channel::ring::{Message, Words};

use crate::recorder::Recorder;
use crate::thread::Thread;

impl Recorder {
    /// Tells that this moment of the process has that name. False if nobody records it, or no mark can have it.
    pub fn mark(&self, name: &[u8], thread: &Thread) -> bool {
        self.notice_fork();
        if !is_name(name) || !self.is_recording() {
            return false;
        }
        let Some(writer) = self.joined_writer(thread) else { return false };
        let (header, rings) = (writer.segment().header(), writer.segment().rings());
        let mark = header.next_mark();
        // What other threads did before, and tell this one of, is to be read before; what they do after, after.
        rings.separate();
        let mut parts = MarkPart::all(name, writer.process());
        let told = parts.all(|part| writer.send(Words::of(Message::Marked(mark, part))).is_ok());
        rings.separate();
        header.nudge(); // it is of the time when it is read
        told
    }
}
