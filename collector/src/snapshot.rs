//! A snapshot: what was recorded of a process up to one moment.
//!
//! Taking one copies next to nothing, so that the thread that drains goes on at once. What it comes to
//! is worked out by whoever wants to know, beside that thread, as often as wanted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use heaptrace_pprof::cohorts::Cohorts;
use heaptrace_pprof::time_line::Point;

use heaptrace_channel::sample::ERAS;

use crate::copied::Copier;
use crate::eras::Calendar;
use crate::fold::Folder;
use crate::live::{Ages, Live, Sum, Sums};
use crate::modules::{Modules, Selection};
use crate::program::Program;
use crate::recording::{Counters, Recording, Rows, Since, StackSamples, Stacks};
use crate::stacks::{Nodes, Tree};

/// Which process of a session a snapshot is of: its image, and its number there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// The image.
    pub image: u64,
    /// Tells it from all others of its image.
    pub number: u64,
}

/// What a snapshot has that changes from moment to moment. To the rest more is only added.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When.
    pub at: SystemTime,
    /// What was counted by the process.
    pub counters: Counters,
    /// Its sums.
    pub sums: Sums,
    /// The last point of its time line.
    pub point: Point,
}

/// What was recorded of a process up to one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which process.
    pub key: Key,
    /// Its process id, as the collector sees it.
    pub pid: u32,
    /// What runs in it.
    pub program: Arc<Program>,
    /// When recording began.
    pub started: SystemTime,
    /// When the snapshot was taken.
    pub taken: SystemTime,
    /// Mean bytes between samples.
    pub rate: u64,
    /// What the rate was when, if it was changed.
    pub rates: Option<String>,
    /// What was counted by the process.
    pub counters: Counters,
    /// All stacks of its image.
    pub nodes: Nodes,
    /// All modules of its image.
    pub modules: Modules,
    /// Its sums.
    pub sums: Sums,
    /// When the eras of its sums began.
    pub calendar: Calendar,
    /// Its heap over time.
    pub time_line: Vec<Point>,
    /// Its largest resident set in bytes, if the kernel has told; else 0.
    pub most_resident: u64,
}

impl Snapshot {
    /// Of a program of which nothing was recorded.
    pub fn of_nothing(key: Key, program: Program, rate: u64) -> Snapshot {
        Snapshot {
            key,
            pid: program.pid,
            program: Arc::new(program),
            started: SystemTime::now(),
            taken: SystemTime::now(),
            rate,
            rates: None,
            counters: Counters::default(),
            nodes: Tree::new().nodes(),
            modules: Modules::default(),
            sums: Live::new([rate; ERAS]).sums(),
            calendar: Calendar::default(),
            time_line: Vec::new(),
            most_resident: 0,
        }
    }

    /// How long it was recorded.
    pub fn duration(&self) -> Duration {
        self.taken.duration_since(self.started).unwrap_or_default()
    }

    /// What was recorded up to its moment, or since the one of an earlier snapshot of the same process.
    pub fn recording(&self, since: Option<(&Snapshot, Since)>) -> Recording {
        let mut rows = Vec::new();
        let recording = self.record(since, &mut rows);
        Recording { rows, ..recording }
    }

    /// The same, with its rows elsewhere: of a million stacks they are what takes most memory.
    pub fn record(&self, since: Option<(&Snapshot, Since)>, rows: &mut dyn Rows) -> Recording {
        let Some((earlier, what)) = since else { return self.record_all(rows) };
        let mut recording =
            self.record_sums(self.sums.since(&earlier.sums, what).map(|sum| (sum, None)), rows);
        if what == Since::Everything {
            recording.is_change = true;
            recording.started = earlier.taken;
            recording.duration = self.taken.duration_since(earlier.taken).unwrap_or_default();
        }
        recording
    }

    fn record_all(&self, rows: &mut dyn Rows) -> Recording {
        let want_ages = rows.want_ages();
        let cohorts = |ages: &Ages| ages.cohorts(|ticks| self.calendar.since(ticks));
        let sums = self.sums.with_ages();
        let sums = sums.map(|(sum, ages)| (sum, (want_ages && ages.in_use() > 0).then(|| cohorts(ages))));
        let recording = self.record_sums(sums, rows);
        Recording { time_line: self.time_line.clone(), eras: self.calendar.eras(), ..recording }
    }

    fn record_sums(
        &self,
        sums: impl Iterator<Item = (Sum, Option<Cohorts>)>,
        rows: &mut dyn Rows,
    ) -> Recording {
        let mut counters = Counters { samples: 0, ..self.counters };
        let mut copier = Copier::new(&self.nodes, Selection::new(&self.modules));
        let (mut stacks, mut folder) = (Stacks::default(), Folder::of_files());
        for (sum, cohorts) in sums {
            let copy = copier.copy(sum.stack, &mut stacks);
            counters.samples += sum.samples;
            let row = StackSamples {
                stack: copy.stack,
                size_class: Some(sum.size_class),
                values: sum.values,
                cohorts,
            };
            let whole = folder.add(row, &mut stacks);
            counters.truncated_stacks += if copy.truncated || whole.is_none() { sum.samples } else { 0 };
            whole.into_iter().for_each(|row| rows.add(row, &stacks));
        }
        folder.into_rows().into_iter().for_each(|row| rows.add(row, &stacks));
        Recording {
            pid: self.pid,
            command: self.program.command.clone(),
            executable: self.program.executable.clone(),
            started: self.started,
            duration: self.duration(),
            is_change: false,
            rate: self.rate,
            rates: self.rates.clone(),
            counters,
            modules: copier.into_modules(),
            stacks,
            rows: Vec::new(),
            most_resident: self.most_resident,
            // Of a difference there are none.
            time_line: Vec::new(),
            eras: Vec::new(),
        }
    }
}
