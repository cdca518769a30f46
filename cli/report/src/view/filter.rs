//! Which samples, frames and labels a report is about, with the matching rules of pprof's `profile/filter.go` and `driver/driver_focus.go`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::pattern::Pattern;
use crate::profile::intern::Text;
use crate::profile::prune;
use crate::profile::tables::{Code, Label, Line, Location, Profile, Sample};
use crate::view::label::{self, TagFilter};
use crate::view::own::{Origin, Own, OwnCode};

/// The filters of one report, each absent unless asked for.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Only samples with a frame that matches.
    pub focus: Option<Pattern>,
    /// No samples with a frame that matches.
    pub ignore: Option<Pattern>,
    /// Frames to leave out.
    pub hide: Option<Pattern>,
    /// Frames to leave in.
    pub show: Option<Pattern>,
    /// Frames above the outermost match are left out.
    pub show_from: Option<Pattern>,
    /// Frames beneath the innermost match are left out.
    pub prune_from: Option<Pattern>,
    /// Whether to leave out frames that are not the program's own code.
    pub own: bool,
    /// What that is.
    pub own_code: OwnCode,
    /// Only samples with a label that matches.
    pub tag_focus: Option<TagFilter>,
    /// No samples with a label that matches.
    pub tag_ignore: Option<TagFilter>,
    /// Only labels whose key matches.
    pub tag_show: Option<Pattern>,
    /// No labels whose key matches.
    pub tag_hide: Option<Pattern>,
}

impl Filters {
    /// Those that are asked for, each as `name=value`, by pprof's names and in its order.
    pub fn described(&self) -> Vec<String> {
        let regex = |regex: &Option<Pattern>| regex.as_ref().map(|regex| regex.as_str().to_owned());
        let tag = |tag: &Option<TagFilter>| tag.as_ref().map(|tag| tag.source.clone());
        let filters = [
            ("focus", regex(&self.focus)),
            ("ignore", regex(&self.ignore)),
            ("hide", regex(&self.hide)),
            ("show", regex(&self.show)),
            ("show_from", regex(&self.show_from)),
            ("tagfocus", tag(&self.tag_focus)),
            ("tagignore", tag(&self.tag_ignore)),
            ("tagshow", regex(&self.tag_show)),
            ("taghide", regex(&self.tag_hide)),
            ("prune_from", regex(&self.prune_from)),
            ("own", self.own.then(|| "true".to_owned())),
        ];
        filters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect()
    }
}

/// What filters leave of a profile.
#[derive(Debug)]
pub struct Selection<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The locations with the lines that are left.
    pub code: Cow<'a, Code>,
    /// For each location, whether all its lines were taken out.
    hidden: Vec<bool>,
    /// What is left of each stack; nothing if its samples are left out.
    stacks: Vec<Range<u32>>,
    /// Whether only samples with certain frames are left in.
    is_focused: bool,
    /// For each label set, whether its samples are left in.
    label_sets: Vec<bool>,
    /// Keys of the labels that are left out.
    hidden_keys: HashSet<Text>,
    /// Names of the filters that matched nothing, for a warning.
    pub unmatched: Vec<&'static str>,
}

impl<'a> Selection<'a> {
    /// Applies `filters` to `profile`.
    pub fn new(profile: &'a Profile, filters: &Filters) -> Selection<'a> {
        let mut selection = Selection {
            profile,
            code: Cow::Borrowed(&profile.code),
            hidden: vec![false; profile.code.locations.len()],
            stacks: profile.stacks.iter().map(|s| 0..s.len() as u32).collect(),
            is_focused: filters.focus.is_some() || filters.show_from.is_some(),
            label_sets: vec![true; profile.label_sets.len()],
            hidden_keys: HashSet::new(),
            unmatched: Vec::new(),
        };
        selection.focus(filters.focus.as_ref(), filters.ignore.as_ref());
        selection.hide(filters.hide.as_ref(), filters.show.as_ref());
        if filters.own {
            selection.keep_own(&filters.own_code.find(profile));
        }
        if let Some(regex) = &filters.show_from {
            selection.show_from(regex);
        }
        selection.focus_tags(filters.tag_focus.as_ref(), filters.tag_ignore.as_ref());
        selection.hide_tags(filters.tag_show.as_ref(), filters.tag_hide.as_ref());
        if let Some(regex) = &filters.prune_from {
            selection.prune_from(regex);
        }
        selection
    }

    /// The samples that are left: index, sample, and its value of one sample type.
    pub fn samples(&self, index: usize) -> impl Iterator<Item = (usize, &'a Sample, i64)> {
        let samples = self.profile.values_of(index).enumerate();
        samples.filter_map(|(row, (sample, value))| {
            let left =
                !self.stacks[sample.stack as usize].is_empty() && self.label_sets[sample.labels as usize];
            left.then_some((row, sample, value))
        })
    }

    /// The same with the samples that never had a stack, which no view can show and a file should not
    /// lose. What is focused on is a frame of the samples, so they have none.
    pub fn samples_with_stackless(&self, index: usize) -> impl Iterator<Item = (usize, &'a Sample, i64)> {
        let samples = self.profile.values_of(index).enumerate();
        samples.filter_map(move |(row, (sample, value))| {
            let is_stackless = || !self.is_focused && self.profile.stacks.get(sample.stack).is_empty();
            let left = !self.stacks[sample.stack as usize].is_empty() || is_stackless();
            (left && self.label_sets[sample.labels as usize]).then_some((row, sample, value))
        })
    }

    /// Whether a frame was left out, or a line of one.
    pub fn has_foreign_frames(&self) -> bool {
        self.code.lines.len() < self.profile.code.lines.len() || self.hidden.contains(&true)
    }

    /// The locations that are left of a stack, leaf first.
    pub fn stack(&self, stack: u32) -> impl DoubleEndedIterator<Item = u32> {
        let range = &self.stacks[stack as usize];
        self.profile.stacks.get(stack)[range.start as usize..range.end as usize]
            .iter()
            .copied()
            .filter(|&location| !self.hidden[location as usize])
    }

    /// The labels that are left of a set.
    pub fn labels(&self, set: u32) -> impl Iterator<Item = &'a Label> {
        let labels = self.profile.label_sets.get(set).iter();
        labels.filter(|label| !self.hidden_keys.contains(&label.key) && !label::is_mark(self.profile, label))
    }

    /// `FilterSamplesByName`, for samples. Without `focus` every location is in focus, so that
    /// samples without a stack are never left in.
    fn focus(&mut self, focus: Option<&Pattern>, ignore: Option<&Pattern>) {
        let profile = self.profile;
        let ignored = ignore.map(|regex| Matches::of(profile, regex).locations());
        let focused = focus.map(|regex| Matches::of(profile, regex).locations());
        let is =
            |set: &Option<Vec<bool>>, location: u32| set.as_ref().is_some_and(|set| set[location as usize]);
        for (range, stack) in self.stacks.iter_mut().zip(profile.stacks.iter()) {
            let keep = stack.iter().any(|&l| focused.is_none() || is(&focused, l))
                && !stack.iter().any(|&l| is(&ignored, l));
            if !keep {
                *range = 0..0;
            }
        }
        self.warn_unless(focused.is_none_or(|set| set.contains(&true)), "focus");
        self.warn_unless(ignored.is_none_or(|set| set.contains(&true)), "ignore");
    }

    /// `FilterSamplesByName`, for frames.
    fn hide(&mut self, hide: Option<&Pattern>, show: Option<&Pattern>) {
        if let Some(regex) = hide {
            let matches = Matches::of(self.profile, regex);
            let locations = matches.locations();
            self.code
                .to_mut()
                .retain_lines(|location, line| !matches.mapping(location) && !matches.line(line));
            self.hide_emptied(|location| locations[location]);
            self.warn_unless(locations.contains(&true), "hide");
        }
        if let Some(regex) = show {
            let matches = Matches::of(self.profile, regex);
            self.code.to_mut().retain_lines(|location, line| matches.mapping(location) || matches.line(line));
            self.hide_emptied(|_| true);
            self.warn_unless(self.hidden.contains(&false), "show");
        }
        self.leave_out_hidden();
    }

    /// Leaves out all frames that are not the program's own.
    fn keep_own(&mut self, own: &Own) {
        let is_named: Vec<bool> = self.code.locations.iter().map(|l| !l.lines.is_empty()).collect();
        let is_foreign: Vec<bool> =
            self.code.locations.iter().map(|l| own.location(l) != Origin::Program).collect();
        self.code.to_mut().retain_lines(|location, line| own.line(location, line) == Origin::Program);
        self.hide_emptied(|i| is_named[i] || is_foreign[i]);
        self.leave_out_hidden();
    }

    /// Leaves out the stacks of which nothing is left.
    fn leave_out_hidden(&mut self) {
        let profile = self.profile;
        let hidden = &self.hidden;
        for (range, stack) in self.stacks.iter_mut().zip(profile.stacks.iter()) {
            if stack.iter().all(|&l| hidden[l as usize]) {
                *range = 0..0;
            }
        }
    }

    /// Marks those locations as hidden that have no line left, if `candidate` is true for them.
    fn hide_emptied(&mut self, candidate: impl Fn(usize) -> bool) {
        for (i, location) in self.code.locations.iter().enumerate() {
            self.hidden[i] |= location.lines.is_empty() && candidate(i);
        }
    }

    /// `ShowFrom`.
    fn show_from(&mut self, regex: &Pattern) {
        let profile = self.profile;
        let matches = Matches::of(profile, regex);
        let code = self.code.to_mut();
        let found: Vec<bool> = (0..code.locations.len() as u32)
            .map(|i| {
                let line = code.lines(i).iter().rposition(|line| matches.line(line));
                let location = &mut code.locations[i as usize];
                if matches.mapping(location) {
                    return true;
                }
                if let Some(line) = line {
                    location.lines.end = location.lines.start + line as u32 + 1;
                }
                line.is_some()
            })
            .collect();
        for (range, stack) in self.stacks.iter_mut().zip(profile.stacks.iter()) {
            let kept = &stack[..range.end as usize];
            let top = kept.iter().rposition(|&l| found[l as usize] && !self.hidden[l as usize]);
            *range = 0..top.map_or(0, |top| top as u32 + 1);
        }
        self.warn_unless(found.contains(&true), "show_from");
    }

    /// `FilterSamplesByTag`.
    fn focus_tags(&mut self, focus: Option<&TagFilter>, ignore: Option<&TagFilter>) {
        let profile = self.profile;
        let matches = |filter: &TagFilter| -> Vec<bool> {
            let sets = profile.label_sets.iter();
            sets.map(|labels| filter.matches(profile, labels)).collect()
        };
        if let Some(focus) = focus {
            self.label_sets = matches(focus);
            self.warn_unless(self.label_sets.contains(&true), "tagfocus");
        }
        if let Some(ignore) = ignore {
            let ignored = matches(ignore);
            for (keep, ignored) in self.label_sets.iter_mut().zip(&ignored) {
                *keep &= !ignored;
            }
            self.warn_unless(ignored.contains(&true), "tagignore");
        }
    }

    /// `FilterTagsByName`.
    fn hide_tags(&mut self, show: Option<&Pattern>, hide: Option<&Pattern>) {
        let profile = self.profile;
        let (mut shown, mut hidden) = (show.is_none(), hide.is_none());
        let keys: HashSet<Text> = profile.label_sets.iter().flatten().map(|label| label.key).collect();
        for key in keys {
            let name = profile.text(key);
            let show = show.is_none_or(|regex| regex.is_match(name));
            let hide = hide.is_some_and(|regex| regex.is_match(name));
            shown |= show;
            hidden |= hide;
            if !show || hide {
                self.hidden_keys.insert(key);
            }
        }
        self.warn_unless(shown, "tagshow");
        self.warn_unless(hidden, "taghide");
    }

    /// `PruneFrom`. A location loses the lines beneath the first that matches.
    fn prune_from(&mut self, regex: &Pattern) {
        let profile = self.profile;
        let functions = profile.functions.iter().map(|f| profile.text(f.name));
        let matches: Vec<bool> =
            functions.map(|name| !name.is_empty() && regex.is_match(prune::simplified(name))).collect();
        let code = self.code.to_mut();
        let found: Vec<bool> = (0..code.locations.len() as u32)
            .map(|i| {
                let line = code.lines(i).iter().position(|line| matches[line.function as usize]);
                code.locations[i as usize].lines.start += line.unwrap_or(0) as u32;
                line.is_some()
            })
            .collect();
        for (range, stack) in self.stacks.iter_mut().zip(profile.stacks.iter()) {
            let kept = &stack[range.start as usize..range.end as usize];
            let first = kept.iter().position(|&l| found[l as usize] && !self.hidden[l as usize]);
            range.start += first.unwrap_or(0) as u32;
        }
        self.warn_unless(found.contains(&true), "prune_from");
    }

    fn warn_unless(&mut self, matched: bool, filter: &'static str) {
        if !matched {
            self.unmatched.push(filter);
        }
    }
}

/// What a regular expression matches, found once for each function and mapping. A function matches
/// by its name or its file, a location also by its mapping's file.
struct Matches<'a> {
    profile: &'a Profile,
    functions: Vec<bool>,
    mappings: Vec<bool>,
}

impl<'a> Matches<'a> {
    fn of(profile: &'a Profile, regex: &Pattern) -> Matches<'a> {
        let functions = profile.functions.iter();
        let mappings = profile.mappings.iter();
        Matches {
            profile,
            functions: functions
                .map(|f| regex.is_match(profile.text(f.name)) || regex.is_match(profile.text(f.file)))
                .collect(),
            mappings: mappings.map(|m| regex.is_match(profile.text(m.file))).collect(),
        }
    }

    fn line(&self, line: &Line) -> bool {
        self.functions[line.function as usize]
    }

    fn mapping(&self, location: &Location) -> bool {
        location.mapping.is_some_and(|m| self.mappings[m as usize])
    }

    /// For each location whether it matches (`matchesName`).
    fn locations(&self) -> Vec<bool> {
        let code = &self.profile.code;
        (0..code.locations.len() as u32)
            .map(|i| {
                self.mapping(&code.locations[i as usize]) || code.lines(i).iter().any(|line| self.line(line))
            })
            .collect()
    }
}
