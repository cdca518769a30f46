//! What all walks of a process share.

use core::sync::atomic::AtomicUsize;

use super::modules::Modules;
use super::private_stack::PrivateStack;
use super::rules::Rules;

/// What is known of code and stacks. As zeros, nothing.
#[derive(Debug)]
#[repr(C)] // see `Recorder`
pub struct Tables {
    /// Where the main thread's stack ends.
    pub main_stack_top: AtomicUsize,
    pub private_stack: PrivateStack,
    pub modules: Modules,
    pub rules: Rules,
}

impl Tables {
    pub const fn new() -> Tables {
        Tables {
            main_stack_top: AtomicUsize::new(0),
            private_stack: PrivateStack::new(),
            modules: Modules::new(),
            rules: Rules::new(),
        }
    }
}
