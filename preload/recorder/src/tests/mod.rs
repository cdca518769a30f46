//! Recorders of the tests' own: what is hard to reach from outside.

mod children;
mod hooks;
mod losses;
mod rates;
mod recording;
mod room;
mod states;
