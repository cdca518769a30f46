//! Links the script of the page for browsers, and deflates it and the style, which the program carries inside.

use std::fs::File;
use std::path::PathBuf;
use std::{env, io};

use flate2::Compression;
use flate2::read::ZlibEncoder;

#[path = "src/render/html/link.rs"]
mod link;
#[path = "src/render/html/modules.rs"]
mod modules;

fn main() -> io::Result<()> {
    for part in ["web", "src/render/html/link.rs", "src/render/html/modules.rs"] {
        println!("cargo::rerun-if-changed={part}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for (name, text) in [("script.z", &*link::link(modules::MODULES)), ("style.z", modules::STYLE)] {
        let mut deflated = ZlibEncoder::new(text.as_bytes(), Compression::best());
        io::copy(&mut deflated, &mut File::create(out.join(name))?)?;
    }
    Ok(())
}
