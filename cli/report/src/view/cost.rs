//! What a program costs, for whoever holds it against a budget: sums over the samples of a profile with
//! their errors, in all, by function, by stack, and the lines of the program's own code behind them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};
use hashbrown::HashMap;

use crate::profile::intern::{Slices, Text};
use crate::profile::tables::{Line, Profile};
use crate::profile::{load, prune};
use crate::view::basis::{Options, View};
use crate::view::noise::{Estimate, Sampling};
use crate::view::own::{Origin, Own, OwnCode};
use crate::view::pack::pack;
use crate::view::paths::base;

/// Most frames of a stack in its name.
const NAMED_FRAMES: usize = 6;

/// How many times the rate could have been allocated without a sample, once in twenty times: ln 20.
const UNSEEN_RATES: f64 = 3.0;

/// What can be summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Bytes in use when most were.
    Peak,
    /// Number of allocations.
    Allocs,
    /// Bytes allocated in all.
    Bytes,
    /// Bytes in use at the end.
    Leaked,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 4] = [Metric::Peak, Metric::Allocs, Metric::Bytes, Metric::Leaked];

    /// The sample type that counts it.
    pub fn sample_type(self) -> &'static str {
        match self {
            Metric::Peak => "peak_space",
            Metric::Allocs => "alloc_objects",
            Metric::Bytes => "alloc_space",
            Metric::Leaked => "inuse_space",
        }
    }

    /// Whether it is in bytes.
    pub fn is_bytes(self) -> bool {
        self != Metric::Allocs
    }
}

/// The sum over some samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// The sum and its error.
    pub estimate: Estimate,
    /// How much more there could be that left no trace: for want of a sample, or because samples were lost.
    pub unseen: f64,
}

/// A set of the stacks of a profile.
#[derive(Clone, Debug)]
pub struct Stacks(Vec<bool>);

impl Stacks {
    /// Those of these that are in `other` too.
    #[must_use]
    pub fn and(&self, other: &Stacks) -> Stacks {
        Stacks(self.0.iter().zip(&other.0).map(|(&is_in, &is_too)| is_in && is_too).collect())
    }

    /// Those of these that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Stacks) -> Stacks {
        Stacks(self.0.iter().zip(&other.0).map(|(&is_in, &is_out)| is_in && !is_out).collect())
    }
}

/// A line of the program's own code, or else of whatever made the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Site {
    /// The function.
    pub function: String,
    /// Its source file; empty if unknown.
    pub file: String,
    /// The line; 0 if unknown.
    pub line: i64,
}

/// A stack and what it costs.
#[derive(Clone, Debug)]
pub struct StackCost {
    /// Its innermost functions of the program's own code, leaf first.
    pub functions: Vec<String>,
    /// The same for the same functions, all of them.
    pub key: u64,
    /// Where it allocates.
    pub site: Site,
    /// The sum.
    pub sum: Sum,
}

/// A profile that is to be judged.
#[derive(Debug)]
pub struct Cost {
    profile: Profile,
    own: Own,
    /// Samples that were lost for each that was not.
    lost: f64,
}

impl Cost {
    /// Reads files, and adds them up.
    ///
    /// # Errors
    /// If one cannot be read, or they were sampled at different rates, so that errors are unknown.
    pub fn read(files: &[PathBuf]) -> anyhow::Result<Cost> {
        let mut profile = load::load(files, None)?;
        ensure!(profile.one_period, "the profiles were sampled at different rates; check them one by one");
        prune::prune(&mut profile);
        let own = OwnCode::default().find(&profile);
        let [taken, lost] = ["samples: ", "lost_samples: "].map(|key| {
            let notes = profile.comments.iter().filter_map(|comment| comment.strip_prefix(key));
            notes.filter_map(|count| count.parse::<f64>().ok()).sum::<f64>()
        });
        Ok(Cost { profile, own, lost: lost / taken.max(1.0) })
    }

    /// Mean bytes between samples; `None` if that is not known.
    pub fn rate(&self) -> Option<u64> {
        let Profile { period_type, period, .. } = &self.profile;
        let is_heap = period_type.name == "space" && period_type.unit == "bytes";
        u64::try_from(*period).ok().filter(|&rate| is_heap && rate > 0)
    }

    /// Whether every allocation was recorded.
    pub fn is_exact(&self) -> bool {
        self.rate().is_none_or(|rate| rate == 1) && self.lost == 0.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.profile.samples.is_empty()
    }

    /// The profile as one file.
    ///
    /// # Errors
    /// If it has no sample type.
    pub fn encoded(&self) -> anyhow::Result<Vec<u8>> {
        let options = Options::default();
        Ok(heaptrace_pprof::encode(&pack(&View::new(&self.profile, &options)?)))
    }

    /// All stacks.
    pub fn all(&self) -> Stacks {
        Stacks(vec![true; self.profile.stacks.len()])
    }

    /// The stacks that lead through a function, by its name and source file, or through a module.
    pub fn stacks_with(
        &self,
        function: impl Fn(&str, &str) -> bool,
        module: impl Fn(&str) -> bool,
    ) -> Stacks {
        let Profile { functions, mappings, code, stacks, .. } = &self.profile;
        let text = |text| self.profile.text(text);
        let functions: Vec<bool> = functions.iter().map(|f| function(text(f.name), text(f.file))).collect();
        let modules: Vec<bool> = mappings.iter().map(|mapping| module(text(mapping.file))).collect();
        let leads_by = |i: usize| {
            code.locations[i].mapping.is_some_and(|mapping| modules[mapping as usize])
                || code.lines(i as u32).iter().any(|line| functions[line.function as usize])
        };
        let locations: Vec<bool> = (0..code.locations.len()).map(leads_by).collect();
        let leads_there = |stack: &[u32]| stack.iter().any(|&i| locations[i as usize]);
        Stacks(stacks.iter().map(leads_there).collect())
    }

    /// The sum over `stacks`.
    ///
    /// # Errors
    /// If the profile does not count that.
    pub fn sum(&self, metric: Metric, stacks: &Stacks) -> anyhow::Result<Sum> {
        let mut estimate = Estimate::default();
        self.each(metric, stacks, |_, part| estimate.add(part))?;
        Ok(self.with_unseen(metric, estimate))
    }

    /// The lines of the program's own code behind such a sum, largest first.
    ///
    /// # Errors
    /// If the profile does not count that.
    pub fn sites(&self, metric: Metric, stacks: &Stacks) -> anyhow::Result<Vec<(Site, i64)>> {
        let mut sites: HashMap<Site, i64> = HashMap::new();
        self.each(metric, stacks, |stack, part| *sites.entry(self.site(stack)).or_default() += part.value)?;
        let mut sites: Vec<_> = sites.into_iter().filter(|&(_, value)| value != 0).collect();
        sites.sort_by(|(a, x), (b, y)| {
            y.cmp(x).then_with(|| (&a.function, a.line).cmp(&(&b.function, b.line)))
        });
        Ok(sites)
    }

    /// The stacks of the dynamic linker and of what it starts, without code of the program's own.
    pub fn start_up(&self) -> Stacks {
        let Profile { code, mappings, stacks, .. } = &self.profile;
        let is_linker = |&location: &u32| {
            let mapping = code.locations[location as usize].mapping;
            mapping.is_some_and(|mapping| {
                base(self.profile.text(mappings[mapping as usize].file)).starts_with("ld-linux")
            })
        };
        let is_start_up = |stack: &[u32]| {
            stack.last().is_some_and(is_linker) && !stack.iter().any(|&location| self.is_own(location))
        };
        Stacks(stacks.iter().map(is_start_up).collect())
    }

    /// What each of `stacks` costs, largest first. Stacks of the same functions of the program's own code are
    /// one.
    ///
    /// # Errors
    /// If the profile does not count that.
    pub fn by_stack(&self, metric: Metric, stacks: &Stacks) -> anyhow::Result<Vec<StackCost>> {
        let mut names = Slices::default();
        let mut sums: Vec<(u32, Estimate)> = Vec::new();
        self.each(metric, stacks, |stack, part| {
            let index = names.intern(&self.functions(stack)) as usize;
            if index == sums.len() {
                sums.push((stack, Estimate::default()));
            }
            sums[index].1.add(part);
        })?;
        sums.retain(|(_, estimate)| estimate.value != 0);
        sums.sort_by_key(|&(stack, estimate)| (-estimate.value, stack));
        let cost = |(stack, estimate)| self.stack_cost(stack, self.with_unseen(metric, estimate));
        Ok(sums.into_iter().map(cost).collect())
    }

    fn stack_cost(&self, stack: u32, sum: Sum) -> StackCost {
        let names: Vec<_> = self.functions(stack).into_iter().map(|name| self.profile.text(name)).collect();
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        let mut functions: Vec<_> = names.iter().take(NAMED_FRAMES).map(|&name| name.to_owned()).collect();
        match names.len() {
            0 => functions.push(self.module_name(stack)),
            length if length > NAMED_FRAMES => functions.push("…".to_owned()),
            _ => {}
        }
        StackCost { functions, key: hasher.finish(), site: self.site(stack), sum }
    }

    /// Calls `take` with the stack of each sample in `stacks`, and what the sample stands for.
    fn each(
        &self,
        metric: Metric,
        stacks: &Stacks,
        mut take: impl FnMut(u32, Estimate),
    ) -> anyhow::Result<()> {
        let profile = &self.profile;
        let name = metric.sample_type();
        let index = profile.sample_types.iter().position(|known| known.name == name);
        let index = index.with_context(|| {
            let names: Vec<_> = profile.sample_types.iter().map(|known| known.name.as_str()).collect();
            anyhow!("the profile has no {name}, only {}", names.join(", "))
        })?;
        let sampling = Sampling::new(profile, index);
        for (row, (sample, value)) in profile.values_of(index).enumerate() {
            if stacks.0[sample.stack as usize] && value != 0 {
                take(
                    sample.stack,
                    match &sampling {
                        Some(sampling) => sampling.estimate(row, sample, value, value.abs()),
                        None => Estimate { value, ..Estimate::default() },
                    },
                );
            }
        }
        Ok(())
    }

    fn with_unseen(&self, metric: Metric, estimate: Estimate) -> Sum {
        let unsampled = match self.rate() {
            None | Some(1) => 0.0,
            Some(rate) => UNSEEN_RATES * rate as f64 / if metric.is_bytes() { 1.0 } else { self.mean_size() },
        };
        let whole = || self.each_value(metric).map(|value| value.abs() as f64).sum::<f64>();
        let lost = if self.lost > 0.0 { self.lost * whole() } else { 0.0 };
        Sum { estimate, unseen: unsampled + lost }
    }

    fn each_value(&self, metric: Metric) -> impl Iterator<Item = i64> {
        let types = &self.profile.sample_types;
        let index = types.iter().position(|known| known.name == metric.sample_type());
        index.into_iter().flat_map(|index| self.profile.values_of(index).map(|(_, value)| value))
    }

    /// The mean size of an allocation: those that no sample shows are taken to be like those that some do.
    fn mean_size(&self) -> f64 {
        let sum = |metric| self.each_value(metric).map(|value| value as f64).sum::<f64>();
        let mean = sum(Metric::Bytes) / sum(Metric::Allocs);
        if mean.is_finite() { mean.max(1.0) } else { 1.0 }
    }

    /// The lines of a stack, leaf first, each with its location.
    fn lines(&self, stack: u32) -> impl Iterator<Item = (u32, &Line)> {
        let locations = self.profile.stacks.get(stack).iter();
        locations
            .flat_map(|&location| self.profile.code.lines(location).iter().map(move |line| (location, line)))
    }

    /// The innermost line of the program's own code, or else the innermost line.
    fn site(&self, stack: u32) -> Site {
        let functions = &self.profile.functions;
        let own = self.lines(stack).find(|line| self.is_own_line(line)).or_else(|| self.lines(stack).next());
        match own {
            Some((_, line)) => {
                let function = &functions[line.function as usize];
                let [function, file] =
                    [function.name, function.file].map(|text| self.profile.text(text).to_owned());
                Site { function, file, line: line.line }
            }
            None => Site { function: self.module_name(stack), ..Site::default() },
        }
    }

    /// The functions of the program's own code in a stack, leaf first; all of them if it has none.
    fn functions(&self, stack: u32) -> Vec<Text> {
        let name = |(_, line): (u32, &Line)| self.profile.functions[line.function as usize].name;
        let own: Vec<_> = self.lines(stack).filter(|line| self.is_own_line(line)).map(name).collect();
        if own.is_empty() { self.lines(stack).map(name).collect() } else { own }
    }

    fn is_own_line(&self, &(location, line): &(u32, &Line)) -> bool {
        self.own.line(&self.profile.code.locations[location as usize], line) == Origin::Program
    }

    /// Whether code at a location is the program's own.
    fn is_own(&self, location: u32) -> bool {
        let code = &self.profile.code;
        match code.lines(location) {
            [] => self.own.location(&code.locations[location as usize]) == Origin::Program,
            lines => lines.iter().any(|line| self.is_own_line(&(location, line))),
        }
    }

    /// What is left to name a stack by that has no names: the module of its leaf.
    fn module_name(&self, stack: u32) -> String {
        let Profile { code, mappings, stacks, .. } = &self.profile;
        let leaf = stacks.get(stack).first().and_then(|&location| code.locations[location as usize].mapping);
        leaf.map_or("?".to_owned(), |mapping| {
            format!("[{}]", base(self.profile.text(mappings[mapping as usize].file)))
        })
    }
}
