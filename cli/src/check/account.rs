//! A profile with what does not count as leaked in it.

use anyhow::Result;
use heaptrace_report::cost::{Cost, Metric, Site, StackCost, Stacks, Sum};

use super::budgets::Scope;
use super::suppressions::Suppression;
use super::verdict::Suppressed;

/// The account of a profile.
#[derive(Debug)]
pub struct Account<'a> {
    /// The profile.
    pub cost: &'a Cost,
    all: Stacks,
    /// All but those that do not count as leaked.
    leaks: Stacks,
    suppressions: &'a [Suppression],
    /// What is built in.
    runtimes: Vec<Suppression>,
}

impl<'a> Account<'a> {
    /// Those of `suppressions` count whose day is not over.
    pub fn new(cost: &'a Cost, suppressions: &'a [Suppression]) -> Account<'a> {
        let (all, runtimes) = (cost.all(), Suppression::of_runtimes());
        let valid = runtimes.iter().chain(suppressions).filter(|known| !known.is_expired());
        let leaks = all.without(&cost.start_up());
        let leaks = valid.fold(leaks, |left, known| left.without(&known.stacks(cost)));
        Account { cost, all, leaks, suppressions, runtimes }
    }

    /// The sum of what a budget is about.
    ///
    /// # Errors
    /// If the profile does not count that.
    pub fn sum(&self, scope: &Scope, metric: Metric) -> Result<Sum> {
        self.cost.sum(metric, &self.stacks(scope, metric))
    }

    /// What is not in the profile: nothing, or what no sample shows.
    ///
    /// # Errors
    /// As [`Account::sum`].
    pub fn nothing(&self, metric: Metric) -> Result<Sum> {
        self.cost.sum(metric, &self.all.without(&self.all))
    }

    /// The lines of code behind a sum.
    ///
    /// # Errors
    /// As [`Account::sum`].
    pub fn sites(&self, scope: &Scope, metric: Metric) -> Result<Vec<(Site, i64)>> {
        self.cost.sites(metric, &self.stacks(scope, metric))
    }

    /// The sum of every stack.
    ///
    /// # Errors
    /// As [`Account::sum`].
    pub fn by_stack(&self, metric: Metric) -> Result<Vec<StackCost>> {
        self.cost.by_stack(metric, self.counted(metric))
    }

    /// The most that what a budget is about may be, of a budget for each stack the largest of them.
    ///
    /// # Errors
    /// As [`Account::sum`].
    pub fn most(&self, scope: &Scope, metric: Metric) -> Result<i64> {
        let most = |sum: Sum| {
            let above = sum.estimate.half_interval().max(sum.unseen);
            sum.estimate.value + above.ceil() as i64
        };
        match scope {
            Scope::EachStack => {
                let stacks = self.by_stack(metric)?;
                Ok(stacks.iter().map(|stack| most(stack.sum)).max().unwrap_or(most(self.nothing(metric)?)))
            }
            Scope::Total | Scope::Function(_) => self.sum(scope, metric).map(most),
        }
    }

    /// What the suppressions did, and the bytes that all of them kept from being counted.
    ///
    /// # Errors
    /// As [`Account::sum`].
    pub fn suppressed(&self) -> Result<(Vec<Suppressed>, i64)> {
        let leaked = |stacks: &Stacks| self.cost.sum(Metric::Leaked, stacks).map(|sum| sum.estimate.value);
        let suppressed = |known: &Suppression| {
            let is_expired = known.is_expired();
            let amount = if is_expired { 0 } else { leaked(&known.stacks(self.cost))? };
            Ok(Suppressed { text: known.text.clone(), origin: known.origin.clone(), is_expired, amount })
        };
        let all = self.runtimes.iter().chain(self.suppressions).map(suppressed).collect::<Result<_>>()?;
        Ok((all, leaked(&self.all)? - leaked(&self.leaks)?))
    }

    fn counted(&self, metric: Metric) -> &Stacks {
        if metric == Metric::Leaked { &self.leaks } else { &self.all }
    }

    /// The stacks that a budget is about.
    fn stacks(&self, scope: &Scope, metric: Metric) -> Stacks {
        let counted = self.counted(metric);
        match scope {
            Scope::Total | Scope::EachStack => counted.clone(),
            Scope::Function(name) => {
                let named = self.cost.stacks_with(|function, _| name.is_match(function), |_| false);
                counted.and(&named)
            }
        }
    }
}
