//! The runs of one program.

use heaptrace_collector::counting::{Counted, Counts};

use super::metric::{METRICS, Metric, Values};
use super::statistics::{interval, median};

/// The runs of a program, and what was counted in the last one.
#[derive(Debug, Clone)]
pub struct Runs {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Operations of one run, if the user said so.
    pub per: Option<u64>,
    /// The values of each run.
    pub values: Vec<Values>,
    /// What the processes of the last run counted.
    pub last: Counted,
}

/// The numbers of a metric in all runs.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// In the order of the runs.
    pub all: Vec<f64>,
    sorted: Vec<f64>,
}

/// In so many runs at least a number must be the same to be called exact.
pub const RUNS_FOR_EXACT: usize = 3;

impl Runs {
    /// The program's name.
    pub fn name(&self) -> &str {
        let path = self.command.first().map_or("", String::as_str);
        path.rsplit('/').next().unwrap_or(path)
    }

    /// The numbers of a metric, for each operation where that has a meaning.
    pub fn numbers(&self, metric: &Metric) -> Numbers {
        let at = METRICS.iter().position(|other| other == metric).expect("it is one of them");
        let operations = match (self.per, metric.kind.is_per_operation()) {
            (Some(per), true) => per as f64,
            _ => 1.0,
        };
        let all: Vec<_> = self.values.iter().map(|values| values[at] / operations).collect();
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        Numbers { all, sorted }
    }

    /// What all processes counted in the last run.
    pub fn totals(&self) -> Counts {
        totals(&self.last)
    }
}

/// The sums over all processes.
pub fn totals(counted: &Counted) -> Counts {
    let mut all = Counts::default();
    counted.processes.iter().for_each(|process| all += &process.counts);
    all
}

impl Numbers {
    /// Their median.
    pub fn median(&self) -> f64 {
        median(&self.sorted)
    }

    /// Two of them between which the median is with 95% confidence, if they are enough.
    pub fn interval(&self) -> Option<(f64, f64)> {
        interval(&self.sorted, 0.95)
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        (self.sorted[0], self.sorted[self.sorted.len() - 1])
    }

    /// Are they all the same, and enough to say so?
    pub fn are_exact(&self) -> bool {
        self.all.len() >= RUNS_FOR_EXACT && self.are_equal()
    }

    /// Are they all the same?
    pub fn are_equal(&self) -> bool {
        let (smallest, largest) = self.range();
        smallest == largest
    }
}
