//! What all walks of a process share.

use core::sync::atomic::AtomicUsize;

use super::modules::Modules;
use super::private_stack::PrivateStack;
use super::rules::Rules;

/// What is known of code and stacks. As zeros, nothing.
#[derive(Debug)]
pub struct Tables {
    pub rules: Rules,
    pub modules: Modules,
    pub private_stack: PrivateStack,
    /// Where the main thread's stack ends.
    pub main_stack_top: AtomicUsize,
}

impl Tables {
    pub const fn new() -> Tables {
        Tables {
            rules: Rules::new(),
            modules: Modules::new(),
            private_stack: PrivateStack::new(),
            main_stack_top: AtomicUsize::new(0),
        }
    }
}
