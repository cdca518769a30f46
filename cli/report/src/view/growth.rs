//! What grows: each stack of the program's own code with how much more it holds by the hour, how sure
//! that is, and what it means. From the ages of the blocks of one profile, or from several profiles.

use anyhow::{bail, ensure};
use hashbrown::HashMap;
use heaptrace_pprof::cohorts::Cohorts;
use heaptrace_pprof::time_line::Point;

use crate::profile::tables::{Line, Profile};
use crate::view::basis::View;
use crate::view::life::Life;
use crate::view::noise::{Sampling, Weight};
use crate::view::own::{Origin, Own};
use crate::view::paths::base;
use crate::view::verdict::{Judgement, LEAST_ERAS, Reading, judge, judge_readings};

/// Rows without `-n`.
const LIMIT: usize = 20;
const NANOS: f64 = 1e9;

/// What grows.
#[derive(Debug)]
pub struct Growth {
    /// What it is seen from.
    pub evidence: Evidence,
    /// How long that was recorded, in seconds.
    pub seconds: f64,
    /// Mean bytes between samples.
    pub rate: u64,
    /// The whole heap.
    pub heap: Trend,
    /// The resident set, if it is known.
    pub resident: Option<Trend>,
    /// The stacks, the one that surely grows most first.
    pub rows: Vec<GrowingStack>,
    /// How many more there are.
    pub more: usize,
}

/// What growth is seen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// When the blocks of one profile were born.
    Ages,
    /// What so many profiles have in use.
    Profiles(usize),
}

/// How much there is, and how many bytes a second more or less.
#[derive(Clone, Copy, Debug)]
pub struct Trend {
    /// Bytes.
    pub now: f64,
    /// Bytes a second; not known of too short a time.
    pub growth: Option<f64>,
}

/// A stack.
#[derive(Debug)]
pub struct GrowingStack {
    /// Its functions, the innermost first.
    pub stack: String,
    /// How it grows.
    pub judgement: Judgement,
    /// Bytes in use.
    pub live: f64,
    /// What is known of the ages of its blocks.
    pub ages: Option<Ages>,
}

/// The ages of blocks, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// The share of all that were allocated that is in use.
    pub kept: f64,
    /// Half of the bytes in use are older.
    pub median: f64,
    /// How long ago a block was freed last; `None`: none ever was.
    pub freed: Option<f64>,
}

impl Growth {
    /// The growth over several profiles of one program, or within one.
    pub fn new(views: &mut [View]) -> anyhow::Result<Growth> {
        let index = |profile: &Profile| profile.sample_index("inuse_space");
        for view in views.iter_mut() {
            let Ok(index) = index(view.profile) else {
                bail!("a profile has no inuse_space, so nothing can be told to grow")
            };
            view.index = index;
            let is_known = Sampling::new(view.profile, index).is_some();
            ensure!(
                is_known && !view.is_difference(),
                "a profile does not say how it was sampled, so it cannot be told what grows"
            );
        }
        views.sort_by_key(|view| end(view.profile));
        let Some(newest) = views.last() else { bail!("there is no profile") };
        let are_of_one = views.iter().all(|view| is_same(view.profile, newest.profile));
        // The ages of blocks of a process that was forked late are not known as well as what several say.
        let is_divided = views.len() == 1 || no_life(newest.profile).divisions() >= LEAST_ERAS;
        if !newest.profile.cohorts.is_empty() && are_of_one && is_divided {
            return Ok(Growth::by_ages(newest));
        }
        ensure!(
            views.len() > 1,
            "this profile does not say when its blocks were allocated; what grows can be told from several, oldest first"
        );
        ensure!(
            views.iter().all(|view| view.profile.time_nanos != 0),
            "a profile does not say when it was taken, so it cannot be told how fast anything grows"
        );
        Ok(Growth::by_profiles(views))
    }

    fn by_ages(view: &View) -> Growth {
        let profile = view.profile;
        let nothing = no_life(profile);
        let end = nothing.end();
        let mut of_stack: HashMap<String, Vec<(&Cohorts, Weight, i64)>> = HashMap::new();
        each_row(view, |row, stack, weight, bytes| {
            if let Some(cohorts) = profile.cohorts.get(row).and_then(Option::as_deref) {
                of_stack.entry_ref(stack).or_default().push((cohorts, weight, bytes));
            }
        });
        // One after the other: a life has some kilobytes.
        let row = |(stack, samples): (String, Vec<(&Cohorts, Weight, i64)>)| {
            let mut life = nothing.clone();
            samples.iter().for_each(|&(cohorts, weight, bytes)| add(&mut life, cohorts, weight, bytes));
            let (alive, born) = (life.alive(), life.born());
            let ages = Ages {
                kept: alive.samples / born.samples.max(1.0),
                median: life.median_age(),
                freed: life.last_freed.map(|freed| (end - freed).max(0.0)),
            };
            GrowingStack { stack, judgement: judge(&life), live: alive.bytes, ages: Some(ages) }
        };
        let rows = of_stack.into_iter().map(row).collect();
        Growth::of(view, Evidence::Ages, end, trend(&profile.time_line, |point| point.in_use), rows)
    }

    fn by_profiles(views: &[View]) -> Growth {
        let start = end(views[0].profile);
        let at = |view: &View| end(view.profile).saturating_sub(start) as f64 / NANOS;
        let mut readings: HashMap<String, Vec<Reading>> = HashMap::new();
        let nothing: Vec<Reading> =
            views.iter().map(|view| Reading { at: at(view), bytes: 0.0, variance: 0.0 }).collect();
        let mut all = nothing.clone();
        for (number, view) in views.iter().enumerate() {
            each_row(view, |_, stack, weight, bytes| {
                let of = readings.entry_ref(stack).or_insert_with(|| nothing.clone());
                for readings in [of, &mut all] {
                    readings[number].bytes += bytes as f64;
                    readings[number].variance += weight.variance(bytes as f64 / weight.value);
                }
            });
        }
        let row = |(stack, readings): (String, Vec<Reading>)| GrowingStack {
            stack,
            judgement: judge_readings(&readings),
            live: readings.last().map_or(0.0, |reading| reading.bytes),
            ages: None,
        };
        let rows = readings.into_iter().map(row).collect();
        let newest = &views[views.len() - 1];
        let heap = judge_readings(&all).growth;
        Growth::of(newest, Evidence::Profiles(views.len()), at(newest), Some(heap), rows)
    }

    fn of(
        view: &View,
        evidence: Evidence,
        seconds: f64,
        growth: Option<f64>,
        mut rows: Vec<GrowingStack>,
    ) -> Growth {
        let heap = Trend { now: rows.iter().map(|row| row.live).sum(), growth };
        rows.retain(|row| row.live > 0.0);
        rows.sort_by(|one, other| {
            let order = other.judgement.at_least().total_cmp(&one.judgement.at_least());
            order.then_with(|| other.live.total_cmp(&one.live)).then_with(|| one.stack.cmp(&other.stack))
        });
        let limit = match view.options.limit.unwrap_or(LIMIT) {
            0 => rows.len(),
            limit => limit,
        };
        let more = rows.len().saturating_sub(limit);
        rows.truncate(limit);
        let rate = u64::try_from(view.profile.period).unwrap_or(0);
        let line = &view.profile.time_line;
        let resident = line.iter().map(|point| point.resident).rfind(|&bytes| bytes > 0);
        let growth = trend(line, |point| point.resident);
        let resident = resident.map(|now| Trend { now: now as f64, growth });
        Growth { evidence, seconds, rate, heap, resident, rows, more }
    }

    /// Whether the process grows, but not by what it has from malloc.
    pub fn is_elsewhere(&self) -> bool {
        /// What a small program grows by until all its pages have been used once.
        const LITTLE: f64 = 4e6;
        let (Some(Trend { now, growth: Some(resident) }), Some(heap)) = (self.resident, self.heap.growth)
        else {
            return false;
        };
        resident * self.seconds > (0.2 * now).max(LITTLE) && heap < 0.25 * resident
    }
}

/// A life in a profile's eras, without any block.
fn no_life(profile: &Profile) -> Life {
    let began: Vec<f64> = profile.eras.iter().map(|&nanos| nanos as f64 / NANOS).collect();
    Life::new(&began, profile.duration_nanos as f64 / NANOS)
}

/// Adds a sample with `bytes` in use to a stack's life.
fn add(life: &mut Life, cohorts: &Cohorts, weight: Weight, bytes: i64) {
    let rows = cohorts.rows(life.eras.len());
    let alive: i64 = rows.iter().map(|row| row.alive).sum();
    // Blocks of a class differ in size, and rates may have changed: the sums are what they are.
    let weight = match alive {
        0 => weight,
        alive => Weight { value: bytes as f64 / alive as f64, ..weight },
    };
    life.add(&rows, weight);
    let freed = cohorts.last_freed.map(|nanos| nanos as f64 / NANOS);
    life.last_freed = [life.last_freed, freed].into_iter().flatten().reduce(f64::max);
}

/// When a profile was taken, in nanoseconds since 1970.
fn end(profile: &Profile) -> i64 {
    profile.time_nanos.saturating_add(profile.duration_nanos)
}

/// Whether two profiles are of one process.
fn is_same(one: &Profile, other: &Profile) -> bool {
    let pid = |profile: &Profile| profile.comments.iter().find(|text| text.starts_with("pid: ")).cloned();
    one.time_nanos == other.time_nanos && pid(one) == pid(other)
}

/// Gives `take` each sample: its row, the stack, its weight, and its bytes in use.
fn each_row(view: &View, mut take: impl FnMut(usize, &str, Weight, i64)) {
    let Some(sampling) = Sampling::new(view.profile, view.index) else { return };
    let own = view.options.filters.own_code.find(view.profile);
    let mut names: HashMap<u32, String> = HashMap::new();
    for (row, sample, bytes) in view.selection.samples(view.index) {
        let stack = names.entry(sample.stack).or_insert_with(|| name(view, &own, sample.stack));
        take(row, stack, sampling.weight(row, sample), bytes);
    }
}

/// The functions of a stack, the innermost first: those of the program's own code if there are some, the
/// first of them with its line.
fn name(view: &View, own: &Own, stack: u32) -> String {
    let (mut all, mut owned) = (Vec::new(), Vec::new());
    for location in view.selection.stack(stack) {
        let place = &view.selection.code.locations[location as usize];
        let lines = view.selection.code.lines(location);
        for line in lines {
            let is_own = own.line(place, line) == Origin::Program;
            all.push(function(view, line, all.is_empty()));
            if is_own {
                owned.push(function(view, line, owned.is_empty()));
            }
        }
        if lines.is_empty() {
            let mapping = place.mapping.map(|mapping| view.profile.mappings[mapping as usize].file);
            all.push(format!("[{}]", mapping.map_or("unknown", |file| base(view.profile.text(file)))));
        }
    }
    let names = if owned.is_empty() { all } else { owned };
    names.join(" ← ")
}

fn function(view: &View, line: &Line, with_line: bool) -> String {
    let function = &view.profile.functions[line.function as usize];
    let (name, file) = (view.profile.text(function.name), view.profile.text(function.file));
    match with_line && line.line > 0 && !file.is_empty() {
        true => format!("{name} {}:{}", base(file), line.line),
        false => name.to_owned(),
    }
}

/// How many bytes a second there are more, over the later three quarters of a time line.
fn trend(line: &[Point], bytes: fn(&Point) -> i64) -> Option<f64> {
    let last = line.last()?;
    let later = line.iter().filter(|point| point.at >= last.at / 4 && bytes(point) > 0);
    let reading =
        |point: &Point| Reading { at: point.at as f64 / NANOS, bytes: bytes(point) as f64, variance: 0.0 };
    let readings: Vec<Reading> = later.map(reading).collect();
    (readings.len() >= 3).then(|| judge_readings(&readings).growth)
}
