//! The program of a self-test.

use std::hint::black_box;

use anyhow::{Context, Result};

/// What `heaptrace check --self-test` runs
#[derive(Debug, clap::Args)]
pub struct Waste {
    count: u64,
    size: usize,
    leaked: usize,
}

impl Waste {
    /// Allocates so many blocks of that size, and leaks one.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn run(&self) -> Result<()> {
        for _ in 0..self.count {
            black_box(block(self.size)?);
        }
        black_box(block(self.leaked)?).leak();
        Ok(())
    }
}

/// Memory that is not touched.
fn block(size: usize) -> Result<Vec<u8>> {
    let mut block = Vec::new();
    block.try_reserve_exact(size).with_context(|| format!("{size} bytes"))?;
    Ok(block)
}
