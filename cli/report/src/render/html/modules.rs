//! What the page is made of, before `build.rs` has put it together.

/// Its style.
pub const STYLE: &str = include_str!("../../../web/style.css");

macro_rules! modules {
    ($($path:literal)*) => {
        /// Its modules, each behind those that it imports.
        pub const MODULES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../../../web/", $path)))),*];
    };
}

modules! {
    "data/columns.js"
    "data/frame.js"
    "data/profile.js"
    "data/source.js"
    "text/units.js"
    "text/shorten.js"
    "text/pattern.js"
    "model/keys.js"
    "model/labels.js"
    "model/filters.js"
    "model/tree.js"
    "model/growing.js"
    "model/calls.js"
    "model/sums.js"
    "model/boxes.js"
    "model/start.js"
    "model/sorted.js"
    "model/rows.js"
    "model/edges.js"
    "model/layers.js"
    "model/squares.js"
    "model/exports.js"
    "model/state.js"
    "model/session.js"
    "model/listing.js"
    "model/near.js"
    "text/describe.js"
    "parts/dom.js"
    "parts/svg.js"
    "parts/colours.js"
    "parts/layout.js"
    "parts/tip.js"
    "parts/tree_mirror.js"
    "parts/flame.js"
    "parts/menu.js"
    "parts/memory.js"
    "parts/ask.js"
    "parts/editor.js"
    "parts/actions.js"
    "parts/saved.js"
    "parts/details.js"
    "parts/export.js"
    "parts/legend.js"
    "parts/bar.js"
    "parts/chips.js"
    "parts/summary.js"
    "parts/help.js"
    "parts/refresh.js"
    "parts/theme.js"
    "parts/keys.js"
    "parts/smaller.js"
    "views/flame.js"
    "views/graph.js"
    "views/peek.js"
    "views/sandwich.js"
    "views/sizes.js"
    "views/source.js"
    "views/timeline.js"
    "views/top.js"
    "views/treemap.js"
    "app.js"
    "main.js"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_stand_behind_those_that_they_import_and_end_no_script() {
        let script = crate::render::html::link::link(MODULES);
        let mut known = Vec::new();
        for line in script.lines() {
            if let Some(name) = line.strip_prefix("const $").and_then(|rest| rest.strip_suffix(" = (() => {"))
            {
                known.push(name.to_owned());
            } else if let Some((_, module)) = line.rsplit_once("} = $") {
                assert!(known.iter().any(|name| *name == module.trim_end_matches(';')), "{line}");
            }
        }
        assert_eq!(known.len(), MODULES.len());
        assert!(!script.contains("</") && !STYLE.contains("</"));
    }
}
