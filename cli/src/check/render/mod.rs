//! A verdict, written.

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod text;
