//! Walks over stacks that the tests lay out, by rules of their choice; and the rules of real code, held against
//! another unwinder's.

mod framehop;
mod scenes;
