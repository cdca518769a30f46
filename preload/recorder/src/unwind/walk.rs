//! The walk from frame to frame.

use core::sync::atomic::Ordering::Relaxed;

use heaptrace_channel::modules::ModuleId;
use heaptrace_channel::stacks::{Entry, Stack, Truncation};

use super::cfi;
use super::last::Frame;
use super::modules::Visited;
use super::place::State;
use super::registers::Registers;
use super::rules::{Cached, Rule};
use super::stack_range::{Readable, StackRange};
use super::tables::Tables;
use crate::arch;
use crate::memory::Budget;
use crate::process::Writer;
use crate::stacks::{Interned, NoStack, Stacks};

/// What all walks of a thread have in common.
#[derive(Debug)]
pub struct Walk<'a> {
    pub tables: &'a Tables,
    pub stacks: &'a Stacks,
    pub budget: &'a Budget,
    /// Who is told of what is new.
    pub to: Writer<'a>,
}

/// What lies beyond the fresh frames.
enum Outer {
    /// Nothing: the walk reached the root.
    Root,
    /// The rest of an earlier walk.
    Known(Interned),
    /// Frames that could not be reached.
    Missing(Truncation),
}

impl Walk<'_> {
    /// The stack from a call on.
    ///
    /// # Errors
    /// [`NoStack`] if it is new and cannot be told of.
    #[inline(never)]
    pub fn run(&self, state: &mut State, registers: Registers, range: &StackRange) -> Result<Stack, NoStack> {
        state.last.open();
        let mut memory = range.from(registers.sp - 8, self.main_stack_top());
        if !memory.own || !state.last.is_of(range.high()) {
            state.last.begin(range.high(), false);
        }
        let outer = self.collect(state, registers, &mut memory, range);
        if !memory.own || !matches!(outer, Outer::Known(_)) {
            state.last.begin(range.high(), matches!(outer, Outer::Missing(_)));
        }
        let base = match outer {
            Outer::Known(stack) => stack,
            Outer::Root => Interned::ROOT,
            Outer::Missing(why) => self.intern(Interned::ROOT, Entry::Truncated(why))?,
        };
        let stack = self.intern_all(state, base, memory.own)?;
        state.last.close();
        Ok(stack)
    }

    fn main_stack_top(&self) -> usize {
        self.tables.main_stack_top.load(Relaxed)
    }

    /// Walks, and keeps the frames that are not in the last walk.
    #[inline]
    fn collect(
        &self,
        state: &mut State,
        start: Registers,
        memory: &mut Readable,
        range: &StackRange,
    ) -> Outer {
        let mut frame = Frame::of(start);
        let (mut verified, mut visited) = (false, Visited::default());
        state.count = 0;
        loop {
            let modules = &self.tables.modules;
            if let Some(stack) = state.last.find(&frame.registers, &mut verified, modules, &mut visited) {
                return Outer::Known(stack);
            }
            if state.count == state.fresh.len() && !state.grow(self.budget) {
                return Outer::Missing(Truncation::TooDeep);
            }
            let next = self.step(&mut frame, memory, range, &mut visited);
            state.fresh[state.count] = frame;
            state.count += 1;
            match next {
                Ok(Some(next)) => frame = next,
                Ok(None) => return Outer::Root,
                Err(why) => return Outer::Missing(why),
            }
        }
    }

    /// Adds the frames to the tree and to the last walk, from the root to the leaf.
    #[inline]
    fn intern_all(&self, state: &mut State, base: Interned, keep: bool) -> Result<Stack, NoStack> {
        while keep && !state.last.has_room(state.count) && state.grow(self.budget) {}
        let frames = &mut state.fresh[..state.count];
        self.fetch(frames, base);
        let mut stack = base;
        for frame in frames.iter().rev() {
            stack = self.intern(stack, frame.entry())?;
            if keep {
                state.last.add(frame, stack);
            }
        }
        Ok(stack.stack)
    }

    /// Has fetched from memory what the frames are looked for in, which are called from `base`.
    fn fetch(&self, frames: &mut [Frame], base: Interned) {
        let mut hash = base.hash();
        for frame in frames.iter_mut().rev() {
            hash = self.stacks.fetch_link(hash, frame.entry());
            frame.hash = hash;
        }
        frames.iter().rev().for_each(|frame| self.stacks.fetch_first(frame.hash));
        frames.iter().rev().for_each(|frame| self.stacks.fetch_second(frame.hash, frame.entry()));
    }

    #[inline]
    fn intern(&self, caller: Interned, entry: Entry) -> Result<Interned, NoStack> {
        self.stacks.intern(caller, entry, self.to, self.budget)
    }

    /// Finds a frame's module, and goes to its caller; `None` at the root.
    #[inline]
    fn step(
        &self,
        at: &mut Frame,
        memory: &mut Readable,
        range: &StackRange,
        visited: &mut Visited,
    ) -> Result<Option<Frame>, Truncation> {
        let (rule, module) = self.rule(at.registers.address(), visited)?;
        (at.module, at.bp_use) = (module, rule.bp_use());
        match rule {
            Rule::Signal => self.interrupted(at.registers.sp, memory, range).map(Some),
            rule => follow(rule, &at.registers, |address| memory.read(address)),
        }
    }

    /// The frame that a signal interrupted: its registers are in the `ucontext_t` at `context`.
    fn interrupted(
        &self,
        context: usize,
        memory: &mut Readable,
        range: &StackRange,
    ) -> Result<Frame, Truncation> {
        let [ip, sp, bp] = arch::CONTEXT_REGISTERS.map(|at| memory.read(context + at));
        let (Some(ip), Some(sp), Some(bp)) = (ip, sp, bp) else { return Err(Truncation::Unreadable) };
        memory.switch(sp, range, self.main_stack_top());
        Ok(Frame::of(Registers { ip, sp, bp, exact: true }))
    }

    /// The rule for an address, and its module: from the tables if that is still the same, else read anew.
    #[inline]
    fn rule(&self, address: usize, visited: &mut Visited) -> Result<(Rule, ModuleId), Truncation> {
        let Tables { rules, modules, .. } = self.tables;
        match rules.get(address) {
            Some(Cached { rule, stable: true }) => Ok((rule, ModuleId::BY_ADDRESS)),
            Some(Cached { rule, .. }) if let Some(module) = modules.unchanged(address, visited) => {
                Ok((rule, module))
            }
            _ => self.read_rule(address),
        }
    }

    #[cold]
    #[inline(never)]
    fn read_rule(&self, address: usize) -> Result<(Rule, ModuleId), Truncation> {
        let Tables { rules, modules, private_stack, .. } = self.tables;
        let read = || {
            let (rule, (module, stable)) = match modules.search(address) {
                Some(module) => {
                    let noted = modules.note(&module, rules, self.to); // forgets the rules of what was there before
                    (cfi::rule(&module, address), noted)
                }
                None => {
                    modules.forget(address, rules);
                    (Rule::FramePointer, (ModuleId::BY_ADDRESS, false))
                }
            };
            rules.put(address, Cached { rule, stable });
            (rule, module)
        };
        private_stack.run(read).ok_or(Truncation::Busy)
    }
}

/// Applies a rule other than a signal frame's.
fn follow(
    rule: Rule,
    at: &Registers,
    mut read: impl FnMut(usize) -> Option<usize>,
) -> Result<Option<Frame>, Truncation> {
    let mut sp_at = 0;
    let (cfa, bp_at) = match rule {
        Rule::End => return Ok(None),
        Rule::Signal => return Err(Truncation::BadUnwindInfo),
        Rule::Sp { offset, saved_bp } => {
            let cfa = at.sp.wrapping_add_signed(offset as isize);
            (cfa, saved_bp.address(cfa))
        }
        Rule::Bp { offset, saved_bp } => {
            let cfa = at.bp.wrapping_add_signed(offset as isize);
            (cfa, saved_bp.address(cfa))
        }
        Rule::Realigned { offset } => {
            sp_at = at.bp.wrapping_add_signed(offset as isize);
            (read(sp_at).ok_or(Truncation::Unreadable)?, at.bp)
        }
        // The psABI has rbp at 0 in the outermost frame.
        Rule::FramePointer if at.bp == 0 => return Ok(None),
        Rule::FramePointer => (at.bp.wrapping_add(16), at.bp),
    };
    if cfa <= at.sp {
        return Err(Truncation::BadUnwindInfo);
    }
    let unreadable =
        if rule == Rule::FramePointer { Truncation::NoUnwindInfo } else { Truncation::Unreadable };
    let ip = read(cfa.wrapping_sub(8)).ok_or(unreadable)?;
    if ip == 0 {
        return Ok(None);
    }
    let bp = if bp_at == 0 { at.bp } else { read(bp_at).ok_or(unreadable)? };
    let registers = Registers { ip, sp: cfa, bp, exact: false };
    Ok(Some(Frame { bp_at, sp_at, ..Frame::of(registers) }))
}

#[cfg(test)]
mod tests;
