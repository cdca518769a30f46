//! Flame graphs as pictures that one can zoom into and search.

use std::io::{self, Write};

use crate::measure::percentage;
use crate::render::xml::escaped;
use crate::view::flame::{Flame, Frame};

/// Width of the picture and height of a box, in pixels.
const WIDTH: f64 = 1200.0;
const BOX_HEIGHT: u32 = 16;
/// Room above the boxes, for what the picture shows.
const HEAD: u32 = 56;
/// Boxes narrower than this share of the picture are not to be seen.
const LEAST_SHARE: f64 = 1e-4;

/// What zooms and searches, run by the browser that shows the picture.
const SCRIPT: &str = include_str!("flame.js");

/// Writes the picture.
pub fn write(out: &mut dyn Write, flame: &Flame) -> io::Result<()> {
    let whole = flame.boxes[0].width as f64;
    let seen = || flame.boxes.iter().filter(|frame| frame.width as f64 >= whole * LEAST_SHARE);
    let depths = seen().map(|frame| frame.depth + 1).max().unwrap_or(0);
    let height = HEAD + depths * BOX_HEIGHT + 10;
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"12\">"
    )?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fafafa\"/>")?;
    writeln!(
        out,
        "<text x=\"600\" y=\"20\" text-anchor=\"middle\" font-size=\"16\">{}</text>",
        heading(flame)
    )?;
    writeln!(out, "<text id=\"details\" x=\"10\" y=\"42\">{HELP}</text>")?;
    writeln!(out, "<g id=\"boxes\" cursor=\"pointer\">")?;
    for frame in seen() {
        let y = height - 10 - (frame.depth + 1) * BOX_HEIGHT;
        let x = frame.start as f64 / whole * WIDTH;
        let width = frame.width as f64 / whole * WIDTH;
        // What does not fit into an inner picture is cut off, so that no text is measured.
        writeln!(
            out,
            "<svg x=\"{x:.2}\" y=\"{y}\" width=\"{width:.2}\" height=\"{}\"><title>{}</title>\
             <rect width=\"100%\" height=\"100%\" rx=\"2\" fill=\"{}\"/><text x=\"3\" y=\"11\">{}</text></svg>",
            BOX_HEIGHT - 1,
            title(flame, frame),
            colour(flame, frame),
            escaped(&frame.name),
        )?;
    }
    writeln!(out, "</g>\n<script><![CDATA[\n{SCRIPT}]]></script>\n</svg>")
}

const HELP: &str = "click: zoom in; click below: zoom out; Ctrl-F: search";

fn heading(flame: &Flame) -> String {
    let name = escaped(&flame.sample_type.name);
    match flame.difference {
        false => name.into_owned(),
        true => format!("{name}, what changed: orange what grew, blue what shrank"),
    }
}

/// The name of a box with its value, as in a row of the table.
fn title(flame: &Flame, frame: &Frame) -> String {
    let sign = if flame.difference && frame.value > 0 { "+" } else { "" };
    format!(
        "{} ({sign}{}, {})",
        escaped(&frame.name),
        escaped(&flame.scale.label(frame.value)),
        percentage(frame.value, flame.total).trim_start()
    )
}

/// A green of the name, so that a function has one colour everywhere; in a difference the more orange
/// or blue the more of what changed grew or shrank.
fn colour(flame: &Flame, frame: &Frame) -> String {
    if flame.difference {
        let share = frame.value as f64 / frame.width.max(1) as f64;
        let faded = |strong: f64| (245.0 - (245.0 - strong) * share.abs()) as u8;
        let strong = if share < 0.0 { [86.0, 160.0, 233.0] } else { [240.0, 140.0, 40.0] };
        let [red, green, blue] = strong.map(faded);
        return format!("#{red:02x}{green:02x}{blue:02x}");
    }
    // FNV-1a.
    let hash = frame
        .name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, ..] = hash.to_le_bytes();
    format!("#{:02x}{:02x}{:02x}", 90 + a % 60, 190 + b % 50, 110 + (a ^ b) % 90)
}
