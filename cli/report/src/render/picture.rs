//! The call graph drawn by graphviz.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::render::{browser, dot};
use crate::view::call_graph::CallGraph;

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable.
    Svg,
    /// Pixels.
    Png,
    /// Pixels, as older programs read them.
    Gif,
    /// For readers of documents.
    Pdf,
    /// For printers.
    Ps,
}

impl Format {
    /// The name for graphviz, and of files.
    pub fn name(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
            Format::Gif => "gif",
            Format::Pdf => "pdf",
            Format::Ps => "ps",
        }
    }
}

/// The bytes of the picture.
pub fn draw(graph: &CallGraph, format: Format) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    dot::write(&mut text, graph)?;
    let child = Command::new("dot")
        .arg(format!("-T{}", format.name()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no dot to draw with; install graphviz, or take --dot to draw elsewhere")
        }
        child => child.context("cannot run dot")?,
    };
    // It reads all of the graph before it writes anything.
    let mut input = child.stdin.take().expect("it is a pipe");
    input.write_all(&text).context("cannot write to dot")?;
    drop(input);
    let output = child.wait_with_output().context("cannot read from dot")?;
    ensure!(output.status.success(), "dot failed: {}", output.status);
    Ok(output.stdout)
}

/// Draws the picture and opens it in a browser.
pub fn show(graph: &CallGraph) -> anyhow::Result<()> {
    browser::show(&draw(graph, Format::Svg)?, "svg", None)
}
