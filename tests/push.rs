//! Profiles that are sent while a program runs and at the end of each process, to servers that look at
//! every field as Pyroscope and OpenTelemetry have it in their sources.

mod support;

#[path = "push"]
mod push {
    mod failures;
    mod manual;
    mod metrics;
    mod otlp;
    mod pyroscope;
    mod server;
    mod store;
    mod tls;
    mod wire;
}
