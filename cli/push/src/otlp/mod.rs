//! Profiles as OpenTelemetry has them, over HTTP: `POST /v1development/profiles`.

mod dictionary;
mod message;
mod proto;

pub use message::{CONTENT_TYPE, rejected, request, status};
