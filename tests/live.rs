//! Looking at a program while it runs: endpoints, snapshots, marks.

mod support;

#[path = "live"]
mod live {
    mod clients;
    mod commands;
    mod endpoints;
    mod interval;
    mod manual;
    mod marks;
    mod rates;
    mod scrapers;
    mod served;
    mod tls;
    mod top;
}
