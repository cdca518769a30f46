//! Budgets rewritten from what was measured. Comments stay, and what is relative to a baseline stays so:
//! there the baseline is written anew.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use heaptrace_pprof::whole_file::WholeFile;
use heaptrace_report::Pattern;
use heaptrace_report::cost::{Cost, Metric};
use heaptrace_report::say::say;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::account::Account;
use super::amount::{Limit, written};
use super::budgets::{Budgets, Scope};
use super::small_file;
use crate::messages::{budgets, verdict as words};

/// Rewrites the file at `path`, or writes a first one.
///
/// # Errors
/// If it cannot be understood or written.
pub fn update(path: &Path, cost: &Cost, baseline: Option<&Path>, headroom: u32) -> Result<()> {
    let text = if path.exists() { small_file::read(path)? } else { first(cost) };
    let mut document: DocumentMut = text.parse().with_context(|| budgets::cannot_rewrite(path))?;
    let suppressions = Budgets::parse(&text, path)?.suppressions;
    let measured = Measured { account: Account::new(cost, &suppressions), headroom };
    let mut changes = Changes::default();
    for (key, scope) in [("total", Scope::Total), ("each-stack", Scope::EachStack)] {
        if let Some(table) = document.get_mut(key).and_then(Item::as_table_like_mut) {
            changes.rewrite(table, &scope, &measured)?;
        }
    }
    if let Some(functions) = document.get_mut("function").and_then(Item::as_array_of_tables_mut) {
        for table in functions.iter_mut() {
            let name = table.get("name").and_then(Item::as_str).unwrap_or_default();
            let scope = Scope::Function(Pattern::of_option("name", name)?);
            changes.rewrite(table, &scope, &measured)?;
        }
    }
    if let Some(path) = baseline.filter(|_| changes.relative > 0) {
        write(path, &cost.encoded()?)?;
        say(budgets::baseline_written(path));
    }
    write(path, document.to_string().as_bytes())?;
    say(words::rewritten(path, changes.absolute));
    Ok(())
}

struct Measured<'a> {
    account: Account<'a>,
    headroom: u32,
}

impl Measured<'_> {
    /// What to allow, as the file writes it.
    fn value(&self, scope: &Scope, metric: Metric) -> Result<Value> {
        let most = self.account.most(scope, metric)?;
        let allowed = most.saturating_add((most as f64 * f64::from(self.headroom) / 100.0) as i64);
        let text = written(allowed, metric.is_bytes());
        Ok(text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from))
    }
}

/// How many limits there are of each kind.
#[derive(Default)]
struct Changes {
    absolute: usize,
    relative: usize,
}

impl Changes {
    fn rewrite(&mut self, table: &mut dyn TableLike, scope: &Scope, measured: &Measured) -> Result<()> {
        for metric in Metric::ALL {
            let Some(old) = table.get_mut(words::metric(metric)).and_then(Item::as_value_mut) else {
                continue;
            };
            let limit = old.as_str().and_then(|text| Limit::parse(text, metric.is_bytes()));
            if limit.is_some_and(Limit::is_relative) {
                self.relative += 1;
                continue;
            }
            let mut decor = old.decor().clone();
            let is_bare =
                decor.suffix().and_then(|text| text.as_str()).is_none_or(|text| text.trim().is_empty());
            if is_bare {
                decor.set_suffix(format!("  # {}", words::explained(metric)));
            }
            *old = measured.value(scope, metric)?;
            *old.decor_mut() = decor;
            self.absolute += 1;
        }
        Ok(())
    }
}

/// A first file, in which every limit is still 0.
fn first(cost: &Cost) -> String {
    let limits: String =
        Metric::ALL.iter().map(|&metric| format!("{} = 0\n", words::metric(metric))).collect();
    let measured = words::how_measured(cost.rate(), cost.is_exact());
    format!("{}\n[total]\n{limits}{}", budgets::first_lines(&measured), budgets::LAST_LINES)
}

/// Writes a file that belongs to a project: whoever could read it still can.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    const EVERYBODY_READS: u32 = 0o644;
    let permissions =
        fs::metadata(path).map_or(Permissions::from_mode(EVERYBODY_READS), |old| old.permissions());
    let finished = || {
        let mut file = WholeFile::create(path)?;
        file.write_all(bytes)?;
        file.finish()?;
        if fs::symlink_metadata(path)?.is_file() { fs::set_permissions(path, permissions) } else { Ok(()) }
    };
    finished().with_context(|| budgets::cannot_rewrite(path))
}
