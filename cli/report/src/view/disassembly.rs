//! What each instruction of a function costs: `printAssembly` in pprof's `internal/report/report.go`.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{bail, ensure};

use crate::measure::Scale;
use crate::pattern::Pattern;
use crate::profile::tables::{Mapping, Profile};
use crate::view::basis::View;
use crate::view::graph::{self, Graph, Node};
use crate::view::node::{Granularity, Shape};

/// Knows the machine code of mapped files. A mapping is an index of [`Profile::mappings`]; addresses of
/// code are those that its file has.
pub trait Disassembler {
    /// What was added to the addresses of the file in the program.
    fn bias(&self, profile: &Profile, mapping: usize) -> anyhow::Result<u64>;
    /// The functions that addresses are in.
    fn functions(&self, profile: &Profile, mapping: usize, addresses: &[u64]) -> Vec<Option<Range<u64>>>;
    /// The instructions of a function.
    fn instructions(
        &self,
        profile: &Profile,
        mapping: usize,
        function: &Range<u64>,
    ) -> anyhow::Result<Vec<Code>>;
}

/// An instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Where it is in the file.
    pub address: u64,
    /// What it does.
    pub text: String,
    /// The place in the source that it is of, as far as it is known: function, file, line.
    pub place: SourceLocation,
}

/// A place in the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLocation {
    /// The function.
    pub function: String,
    /// The name of its file, without folders.
    pub file: String,
    /// The line; 0 if unknown.
    pub line: i64,
}

/// Annotated machine code.
#[derive(Clone, Debug)]
pub struct Disassembly {
    /// How to write values.
    pub scale: Scale,
    /// What percentages are of.
    pub total: i64,
    /// The functions by name.
    pub routines: Vec<Routine>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Routine {
    /// Its name.
    pub name: String,
    /// The sum over its instructions.
    pub flat: i64,
    /// The sum over its instructions.
    pub cum: i64,
    /// Its instructions.
    pub instructions: Vec<Instruction>,
}

/// An instruction with what it costs.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// The instruction.
    pub code: Code,
    /// Its own share.
    pub flat: i64,
    /// With what it calls.
    pub cum: i64,
}

impl Disassembly {
    /// The functions whose name matches `regex`, or the one at the address that it is. It is an error if
    /// there are none.
    pub fn new(view: &View, regex: &Pattern, disassembler: &dyn Disassembler) -> anyhow::Result<Disassembly> {
        // With inlined functions the same address would be several nodes.
        let shape =
            Shape { granularity: Granularity::Addresses, objects: true, inlines: false, ..view.shape() };
        let graph = Graph::new(&view.selection, view.index, &shape, None);
        let nodes: Vec<&Node> = graph.shown().collect();
        let mut routines = Vec::new();
        for (mapping, wanted) in wanted(view.profile, &nodes, regex)? {
            let bias = disassembler.bias(view.profile, mapping)?;
            let wanted: Vec<u64> = wanted.iter().map(|address| address.wrapping_sub(bias)).collect();
            let functions = disassembler.functions(view.profile, mapping, &wanted);
            let mut functions: Vec<Range<u64>> = functions.into_iter().flatten().collect();
            functions.sort_unstable_by_key(|function| (function.start, function.end));
            functions.dedup();
            for function in functions {
                let code = disassembler.instructions(view.profile, mapping, &function)?;
                let inside = |node: &&&Node| function.contains(&node.info.address.wrapping_sub(bias));
                let own: Vec<&Node> = nodes.iter().filter(inside).copied().collect();
                routines.push(routine(code, own, bias));
            }
        }
        ensure!(!routines.is_empty(), "no file tells where the functions that match {regex} begin and end");
        routines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Disassembly { scale: view.scale(), total: view.total, routines })
    }
}

/// The addresses that are wanted, by mapping.
fn wanted(profile: &Profile, nodes: &[&Node], regex: &Pattern) -> anyhow::Result<BTreeMap<usize, Vec<u64>>> {
    let address = regex.as_str().strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let matching = nodes.iter().filter(|node| regex.is_match(node.info.name)).map(|node| node.info.address);
    let mut wanted: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for address in matching.chain(address) {
        let around = |mapping: &Mapping| (mapping.start..mapping.limit).contains(&address);
        if let Some(mapping) = profile.mappings.iter().position(around) {
            wanted.entry(mapping).or_default().push(address);
        }
    }
    if wanted.is_empty() {
        bail!("no function matches {regex}");
    }
    Ok(wanted)
}

fn routine(code: Vec<Code>, mut nodes: Vec<&Node>, bias: u64) -> Routine {
    nodes.sort_by_key(|node| node.info.address);
    let (flat, cum) = graph::sum(&nodes);
    let name = match (nodes.first(), code.first()) {
        (Some(node), _) => node.info.name.to_owned(),
        // It was asked for by an address, and holds nothing.
        (None, Some(code)) if !code.place.function.is_empty() => code.place.function.clone(),
        _ => "a function without a name".to_owned(),
    };
    let mut nodes = nodes.into_iter().peekable();
    let ends: Vec<u64> = code.iter().skip(1).map(|next| next.address).chain([u64::MAX]).collect();
    let instructions = code.into_iter().zip(ends).map(|(mut code, end)| {
        // The address of a call is that of its last byte.
        let mut own = Vec::new();
        while let Some(node) = nodes.next_if(|node| node.info.address.wrapping_sub(bias) < end) {
            own.push(node);
        }
        if let Some(node) = own.first().filter(|_| code.place == SourceLocation::default()) {
            let file = node.info.file.rsplit('/').next().unwrap_or_default().to_owned();
            code.place = SourceLocation { function: node.info.name.to_owned(), file, line: node.info.line };
        }
        let (flat, cum) = graph::sum(&own);
        Instruction { code, flat, cum }
    });
    Routine { name, flat, cum, instructions: instructions.collect() }
}
