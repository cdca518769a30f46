//! The unwinder: from the call of a hook to a stack, in the program, at the sample.
//!
//! A *rule* tells how to get from a frame to its caller: where the canonical frame address (CFA)
//! is and where the caller's `rbp` was saved. Rules are read from `.eh_frame` once for each call
//! site (`cfi`, on a stack of its own: `private_stack`) and kept in a table that all threads
//! share (`rules`). A walk is then a few loads a frame (`walk`). It ends early where the rest
//! of the stack is the one of the walk before, provably: see `last::Last`; and most do not begin, as all
//! of the stack is one of those that came by lately (`paths`).
//!
//! Only `rip`, `rsp` and `rbp` are followed: no other register is needed to find return addresses
//! in code that compilers make. Memory is read only inside the readable pages above the stack
//! pointer (`stack_range`), whatever the unwind information says.

mod cfi;
mod found;
mod last;
mod loaded;
mod modules;
mod paths;
mod place;
mod private_stack;
mod registers;
mod rules;
mod stack_range;
mod tables;
mod unwinder;
mod walk;

pub use place::Preferred;
pub use registers::Registers;
pub use stack_range::StackRange;
pub use unwinder::Unwinder;
