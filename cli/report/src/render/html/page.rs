//! The page.

use std::io::Read;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use sha2::{Digest, Sha256};

use crate::render::xml::escaped;

/// The page, with places for the rest.
const INDEX: &str = include_str!("../../../web/index.html");
/// Its style, and its modules as one script.
static STYLE: LazyLock<String> =
    LazyLock::new(|| inflated(include_bytes!(concat!(env!("OUT_DIR"), "/style.z"))));
static SCRIPT: LazyLock<String> =
    LazyLock::new(|| inflated(include_bytes!(concat!(env!("OUT_DIR"), "/script.z"))));

fn inflated(deflated: &[u8]) -> String {
    let mut text = String::new();
    ZlibDecoder::new(deflated).read_to_string(&mut text).expect("the build has deflated it");
    text
}

/// The page, and the policy that it is under.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its text.
    pub html: String,
    /// What it may do, as the header `Content-Security-Policy` has it.
    pub policy: String,
}

impl Page {
    /// The page with a profile inside, and with the parts that it is made of, each with what it is called, if there
    /// are several. It loads nothing.
    pub fn with(data: &[u8], parts: &[(String, Vec<u8>)]) -> Page {
        let part = |(label, data): &(String, Vec<u8>)| {
            let label = escaped(label);
            let data = BASE64_STANDARD.encode(data);
            format!(
                "\n<script class=\"part\" type=\"application/octet-stream\" data-label=\"{label}\">{data}</script>"
            )
        };
        let parts: String = parts.iter().map(part).collect();
        Page::new([&BASE64_STANDARD.encode(data), &parts], "", "connect-src 'none'")
    }

    /// The page for a server, which loads the profile from there.
    pub fn from(url: &str) -> Page {
        Page::new(["", ""], url, "connect-src 'self'")
    }

    fn new([data, more]: [&str; 2], from: &str, connect: &str) -> Page {
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src data: blob:; {connect}; base-uri 'none'; form-action 'none'",
            hash(&SCRIPT),
            hash(&STYLE)
        );
        let parts = [
            ("{policy}", &*policy),
            ("{style}", &*STYLE),
            ("{from}", from),
            ("{data}", data),
            ("{more}", more),
            ("{script}", &*SCRIPT),
        ];
        let length = parts.iter().map(|(_, text)| text.len()).sum::<usize>() + INDEX.len();
        let mut html = String::with_capacity(length);
        let mut rest = INDEX;
        for (place, text) in parts {
            let (before, after) = rest.split_once(place).expect("the page has a place for it");
            html.push_str(before);
            html.push_str(text);
            rest = after;
        }
        html.push_str(rest);
        Page { html, policy }
    }
}

/// What a policy calls a script or a style by.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
