//! All that the viewer in a browser is given.

use crate::view::basis::View;
use crate::view::call_tree::build::{NODES_LIMIT, call_tree};
use crate::view::call_tree::excerpt::{Excerpt, excerpts};
use crate::view::call_tree::near::Way;
use crate::view::call_tree::tree::CallTree;
use crate::view::header::Header;
use crate::view::noise::Sampling;

/// A profile for the viewer. Filters are not applied: they are where it begins, and can be taken away.
#[derive(Debug)]
pub struct Viewer<'a> {
    /// The profile with its options.
    pub view: &'a View<'a>,
    /// What the profile is.
    pub header: Header,
    /// Whether values are differences.
    pub difference: bool,
    /// Its sample types.
    pub types: Vec<Kind>,
    /// Its stacks.
    pub tree: CallTree,
    /// Lines of source.
    pub excerpts: Vec<Excerpt>,
}

/// What the viewer knows of a sample type.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What percentages are of.
    pub total: i64,
    /// Whether the error of values is known.
    pub sampled: bool,
}

impl<'a> Viewer<'a> {
    /// Of a view; `read` gets a source file.
    pub fn new(view: &'a View<'a>, read: impl Fn(&str) -> Option<String>) -> Viewer<'a> {
        Viewer::near(view, &Way::default(), read)
    }

    /// The same for a reader who has come close to what lies at the end of a way.
    pub fn near(view: &'a View<'a>, way: &Way, read: impl Fn(&str) -> Option<String>) -> Viewer<'a> {
        let profile = view.profile;
        let own = view.options.filters.own_code.find(profile);
        let tree = call_tree(profile, &own, view.options.page_nodes.unwrap_or(NODES_LIMIT).max(1), way);
        let kind =
            |index| Kind { total: view.total_of(index), sampled: Sampling::new(profile, index).is_some() };
        Viewer {
            view,
            header: Header::new(view),
            difference: view.is_difference(),
            types: (0..profile.sample_types.len()).map(kind).collect(),
            excerpts: if view.options.no_source { Vec::new() } else { excerpts(profile, &tree, read) },
            tree,
        }
    }
}
