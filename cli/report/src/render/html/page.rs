//! The page.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::render::html::data::data;
use crate::render::html::link::link;
use crate::render::html::modules::{INDEX, MODULES, STYLE};
use crate::view::viewer::Viewer;

/// The page with everything in it. Its policy lets it load nothing, and run nothing but its own script.
pub fn page(viewer: &Viewer) -> anyhow::Result<String> {
    let data = BASE64_STANDARD.encode(data(viewer)?);
    let script = link(MODULES);
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data: blob:; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    let mut page =
        String::with_capacity(INDEX.len() + STYLE.len() + script.len() + data.len() + policy.len());
    let mut rest = INDEX;
    for (place, text) in
        [("{policy}", &*policy), ("{style}", STYLE), ("{data}", &*data), ("{script}", &*script)]
    {
        let (before, after) = rest.split_once(place).expect("the page has a place for it");
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// What a policy calls a script or a style by.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
