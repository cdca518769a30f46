//! The beginning of a function, and what it becomes elsewhere when a jump takes its place.

use std::ops::Range;

use heaptrace_channel::patch::{Bytes, Distance, MAX_DISTANCES, MAX_MOVED, MAX_REPLACED};
use iced_x86::{ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use serde::{Deserialize, Serialize};

/// Bytes of a jump to where a distance of 32 bits leads.
const JUMP: usize = 5;

/// Why a function cannot be patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unsafe {
    /// It is shorter than a jump, and something else follows.
    Short,
    /// Something jumps into its first bytes.
    JumpedInto,
    /// It begins with a call that would return to its first bytes.
    Calls,
    /// There is an instruction that works nowhere else, or none that is known.
    Unmovable,
    /// It is known under names that say different things.
    Ambiguous,
}

/// The beginning of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Bytes that stay, before those that are replaced.
    pub skipped: u8,
    /// The bytes that are replaced.
    pub replaced: Bytes<MAX_REPLACED>,
    /// The same elsewhere, with a jump to what follows.
    pub moved: Bytes<MAX_MOVED>,
    /// What in them depends on where they are.
    pub distances: [Distance; MAX_DISTANCES],
}

impl Beginning {
    /// Reads that of the function which begins at `start` and has `size` bytes of `code`; behind these is
    /// what follows it.
    pub fn of(code: &[u8], start: u64, size: usize) -> Result<Beginning, Unsafe> {
        let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
        let mut first = decoder.decode();
        let skipped = if first.mnemonic() == Mnemonic::Endbr64 { first.len() } else { 0 };
        if skipped > 0 {
            first = decoder.decode();
        }
        let mut moving = Moving { at: start + skipped as u64, bytes: Vec::new(), distances: Vec::new() };
        let (mut instruction, mut replaced) = (first, 0);
        let mut ends = false;
        while replaced < JUMP {
            let offset = skipped + replaced;
            if instruction.is_invalid() {
                return Err(Unsafe::Unmovable);
            }
            let is_padding = ends || offset >= size;
            if is_padding && !is_filler(&instruction) {
                return Err(Unsafe::Short);
            }
            if !is_padding {
                moving.add(&instruction, &code[offset..offset + instruction.len()], &decoder)?;
                ends = is_end(&instruction) || is_call(&instruction); // which returns by itself
            }
            replaced += instruction.len();
            instruction = if decoder.can_decode() { decoder.decode() } else { Instruction::default() };
        }
        if !ends {
            moving.jump(replaced as i32);
        }
        let range = moving.at..moving.at + replaced as u64;
        if jumps_into(code, start, size, &range) {
            return Err(Unsafe::JumpedInto);
        }
        let replaced = Bytes::of(&code[skipped..skipped + replaced]).ok_or(Unsafe::Unmovable)?;
        let moved = Bytes::of(&moving.bytes).ok_or(Unsafe::Unmovable)?;
        let mut distances = [Distance::default(); MAX_DISTANCES];
        if moving.distances.len() > MAX_DISTANCES {
            return Err(Unsafe::Unmovable);
        }
        distances[..moving.distances.len()].copy_from_slice(&moving.distances);
        Ok(Beginning { skipped: skipped as u8, replaced, moved, distances })
    }

    /// Where the replaced bytes are, of a function that begins at `start`.
    pub fn range(&self, start: u64) -> Range<u64> {
        let at = start + u64::from(self.skipped);
        at..at + self.replaced.get().len() as u64
    }
}

/// Where every call of a function goes on to, which begins at `start` and has `size` bytes of `code`: it jumps there,
/// and to nowhere else, and calls nobody before.
pub fn goes_on_to(code: &[u8], start: u64, size: usize) -> Option<u64> {
    let own = &code[..size.min(code.len())];
    let mut instructions = Decoder::with_ip(64, own, start, DecoderOptions::NONE).into_iter();
    let leaves = instructions.find(|instruction| instruction.flow_control() != FlowControl::Next)?;
    let is_jump = leaves.flow_control() == FlowControl::UnconditionalBranch
        && leaves.op0_kind() == OpKind::NearBranch64;
    is_jump.then(|| leaves.near_branch_target())
}

/// Instructions on their way to another place.
struct Moving {
    /// Where they come from.
    at: u64,
    bytes: Vec<u8>,
    distances: Vec<Distance>,
}

impl Moving {
    fn add(&mut self, instruction: &Instruction, bytes: &[u8], decoder: &Decoder) -> Result<(), Unsafe> {
        match instruction.flow_control() {
            FlowControl::Call | FlowControl::IndirectCall => return self.add_call(instruction),
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                return self.add_branch(instruction);
            }
            FlowControl::Next
            | FlowControl::Return
            | FlowControl::IndirectBranch
            | FlowControl::Exception => {}
            FlowControl::Interrupt | FlowControl::XbeginXabortXend => return Err(Unsafe::Unmovable),
        }
        let from = self.bytes.len();
        self.bytes.extend(bytes);
        if instruction.is_ip_rel_memory_operand() {
            let offsets = decoder.get_constant_offsets(instruction);
            if offsets.displacement_size() != 4 {
                return Err(Unsafe::Unmovable);
            }
            let at = from + offsets.displacement_offset();
            self.distance(at, self.bytes.len(), instruction.ip_rel_memory_address())?;
        }
        Ok(())
    }

    /// A jump, with a distance of 32 bits whatever it had.
    fn add_branch(&mut self, instruction: &Instruction) -> Result<(), Unsafe> {
        if !matches!(instruction.op0_kind(), OpKind::NearBranch64) {
            return Err(Unsafe::Unmovable);
        }
        let target = instruction.near_branch_target();
        match instruction.mnemonic() {
            Mnemonic::Jmp => self.add_distance(&[0xE9], target),
            _ if instruction.is_jcc_short_or_near() => {
                // The order of condition codes is that of their numbers in the instruction.
                let code = instruction.condition_code() as u8 - ConditionCode::o as u8;
                self.add_distance(&[0x0F, 0x80 + code], target)
            }
            _ => Err(Unsafe::Unmovable), // loop, jrcxz
        }
    }

    /// A call, which returns to where it would have returned to: so whoever unwinds finds the function there.
    /// The register is one that calls by way of a PLT change.
    fn add_call(&mut self, instruction: &Instruction) -> Result<(), Unsafe> {
        if instruction.len() < JUMP {
            return Err(Unsafe::Calls); // it would return to replaced bytes
        }
        self.add_distance(&[0x4C, 0x8D, 0x1D], instruction.next_ip())?; // lea r11, [rip + …]
        self.bytes.extend([0x41, 0x53]); // push r11
        match instruction.op0_kind() {
            OpKind::NearBranch64 => self.add_distance(&[0xE9], instruction.near_branch_target()),
            OpKind::Memory if instruction.is_ip_rel_memory_operand() => {
                self.add_distance(&[0xFF, 0x25], instruction.ip_rel_memory_address()) // jmp [rip + …]
            }
            _ => Err(Unsafe::Calls),
        }
    }

    /// An instruction that ends with a distance.
    fn add_distance(&mut self, opcode: &[u8], target: u64) -> Result<(), Unsafe> {
        self.bytes.extend(opcode);
        let at = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.distance(at, at + 4, target)
    }

    /// A jump to what is so far behind the first replaced byte.
    fn jump(&mut self, target: i32) {
        self.bytes.extend([0xE9, 0, 0, 0, 0]);
        let end = self.bytes.len() as u8;
        self.distances.push(Distance { at: end - 4, end, target });
    }

    fn distance(&mut self, at: usize, end: usize, target: u64) -> Result<(), Unsafe> {
        let target = target.wrapping_sub(self.at) as i64;
        let target = i32::try_from(target).map_err(|_| Unsafe::Unmovable)?;
        self.distances.push(Distance { at: at as u8, end: end as u8, target });
        Ok(())
    }
}

/// Does what follows it never run after it?
fn is_end(instruction: &Instruction) -> bool {
    matches!(
        instruction.flow_control(),
        FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::Return
            | FlowControl::Exception
    )
}

fn is_call(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall)
}

/// Is it what compilers fill the room between functions with?
fn is_filler(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
}

/// Does the function itself jump, or call, into the bytes of that range? To call its first is to call it.
fn jumps_into(code: &[u8], start: u64, size: usize, range: &Range<u64>) -> bool {
    let own = &code[..size.min(code.len())];
    let decoder = Decoder::with_ip(64, own, start, DecoderOptions::NONE);
    decoder.into_iter().any(|instruction| {
        let target = instruction.near_branch_target();
        let is_call = instruction.flow_control() == FlowControl::Call && target == start;
        target != 0 && range.contains(&target) && !is_call
    })
}

/// The ranges that something in `code`, which begins at `start`, jumps into from anywhere, past their
/// first byte: they are in order. It may find more than there are, as it looks at every byte.
pub fn jumped_into(code: &[u8], start: u64, ranges: &[Range<u64>]) -> Vec<usize> {
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return Vec::new() };
    let mut found = Vec::new();
    for (index, distance) in code.windows(4).enumerate().skip(1) {
        let is_jump = match code[index - 1] {
            0xE8 | 0xE9 => true,
            0x80..=0x8F => index >= 2 && code[index - 2] == 0x0F,
            _ => false,
        };
        if !is_jump {
            continue;
        }
        let distance = i32::from_le_bytes([distance[0], distance[1], distance[2], distance[3]]);
        let target = (start + index as u64 + 4).wrapping_add_signed(distance.into());
        if target <= first.start || target >= last.end {
            continue;
        }
        let after = ranges.partition_point(|range| range.start < target);
        if after > 0 && ranges[after - 1].contains(&target) {
            found.push(after - 1);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x40_1000;

    fn of(code: &[u8]) -> Result<Beginning, Unsafe> {
        Beginning::of(code, START, code.len())
    }

    /// What is moved, as it is at another place.
    fn placed(beginning: &Beginning, place: u64) -> Vec<u8> {
        let mut bytes = beginning.moved.get().to_vec();
        for Distance { at, end, target } in beginning.distances.into_iter().filter(|it| it.end > 0) {
            let from = START + u64::from(beginning.skipped);
            let target = from.wrapping_add_signed(target.into());
            let distance = target.wrapping_sub(place + u64::from(end)) as i32;
            bytes[at as usize..at as usize + 4].copy_from_slice(&distance.to_le_bytes());
        }
        bytes
    }

    /// Instructions at a place: the text of each.
    fn text(code: &[u8], place: u64) -> Vec<String> {
        let mut formatter = Vec::new();
        for instruction in Decoder::with_ip(64, code, place, DecoderOptions::NONE) {
            let target = match instruction.is_ip_rel_memory_operand() {
                true => instruction.ip_rel_memory_address(),
                false => instruction.near_branch_target(),
            };
            formatter.push(format!("{:?} {target:x}", instruction.mnemonic()));
        }
        formatter
    }

    #[test]
    fn whole_instructions_move_and_are_followed_by_a_jump_back() {
        // push rbp; mov rbp, rsp; push rbx; ret
        let beginning = of(&[0x55, 0x48, 0x89, 0xE5, 0x53, 0xC3]).unwrap();
        assert_eq!(beginning.replaced.get(), [0x55, 0x48, 0x89, 0xE5, 0x53]);
        let moved = placed(&beginning, START + 0x1000);
        assert_eq!(text(&moved, START + 0x1000), ["Push 0", "Mov 0", "Push 0", "Jmp 401005"]);
    }

    #[test]
    fn a_mark_for_indirect_calls_stays_where_it_is() {
        // endbr64; sub rsp, 0x18; xor eax, eax; ret
        let code = [0xF3, 0x0F, 0x1E, 0xFA, 0x48, 0x83, 0xEC, 0x18, 0x31, 0xC0, 0xC3];
        let beginning = of(&code).unwrap();
        assert_eq!((beginning.skipped, beginning.replaced.get()), (4, &code[4..10]));
        assert_eq!(beginning.range(START), START + 4..START + 10);
        let moved = placed(&beginning, START - 0x1000);
        assert_eq!(text(&moved, START - 0x1000), ["Sub 0", "Xor 0", "Jmp 40100a"]);
    }

    #[test]
    fn what_is_relative_to_the_place_leads_to_the_same() {
        // mov rax, [rip+0x2000]; ret: from 0x401007
        let load = of(&[0x48, 0x8B, 0x05, 0, 0x20, 0, 0, 0xC3]).unwrap();
        let moved = placed(&load, START + 0x7000_0000);
        assert_eq!(text(&moved, START + 0x7000_0000), ["Mov 403007", "Jmp 401007"]);
        // cmp dword [rip+0x100], 5; je +0x10: an immediate follows the distance
        let compare = of(&[0x83, 0x3D, 0, 1, 0, 0, 5, 0x74, 0x10, 0xC3]).unwrap();
        assert_eq!(text(&placed(&compare, 0x10_0000), 0x10_0000), ["Cmp 401107", "Jmp 401007"]);
        // jmp [rip+0x2000], as in a PLT
        let stub = of(&[0xFF, 0x25, 0, 0x20, 0, 0]).unwrap();
        assert_eq!(text(&placed(&stub, 0x10_0000), 0x10_0000), ["Jmp 403006"]);
    }

    #[test]
    fn jumps_grow_and_lead_to_the_same() {
        // test rdi, rdi; je +0x20; ret
        let beginning = of(&[0x48, 0x85, 0xFF, 0x74, 0x20, 0xC3]).unwrap();
        assert_eq!(text(&placed(&beginning, 0x10_0000), 0x10_0000), ["Test 0", "Je 401025", "Jmp 401005"]);
        // jne rel32
        let far = of(&[0x0F, 0x85, 0, 1, 0, 0, 0xC3]).unwrap();
        assert_eq!(text(&placed(&far, 0x10_0000), 0x10_0000), ["Jne 401106", "Jmp 401006"]);
        // jmp to another function: nothing comes back
        let other = of(&[0xE9, 0xFB, 0xF, 0, 0]).unwrap();
        assert_eq!(text(&placed(&other, 0x10_0000), 0x10_0000), ["Jmp 402000"]);
        let short = of(&[0xEB, 0x40, 0x90, 0x90, 0x90]).unwrap();
        assert_eq!(text(&placed(&short, 0x10_0000), 0x10_0000), ["Jmp 401042"]);
    }

    #[test]
    fn who_only_prepares_arguments_goes_on_to_another_function() {
        let target = |code: &[u8]| goes_on_to(code, START, code.len());
        assert_eq!(target(&[0xE9, 0xFB, 0xF, 0, 0]), Some(0x40_2000));
        // endbr64; mov rdx, rsi; mov rsi, rdi; mov rdi, fs:[rax]; jmp 0x402000
        let prepares = [
            0xF3, 0x0F, 0x1E, 0xFA, 0x48, 0x89, 0xF2, 0x48, 0x89, 0xFE, 0x64, 0x48, 0x8B, 0x38, 0xE9, 0xED,
            0xF, 0, 0,
        ];
        assert_eq!(target(&prepares), Some(0x40_2000));
        // test rdi, rdi; je +0x20; jmp 0x402000: not every call
        assert_eq!(target(&[0x48, 0x85, 0xFF, 0x74, 0x20, 0xE9, 0xF6, 0xF, 0, 0]), None);
        // call 0x402000; jmp 0x402000: it may have a block already
        assert_eq!(target(&[0xE8, 0xFB, 0xF, 0, 0, 0xE9, 0xF6, 0xF, 0, 0]), None);
        // jmp [rip+0x2000], ret
        assert_eq!((target(&[0xFF, 0x25, 0, 0x20, 0, 0]), target(&[0xC3])), (None, None));
        // A jump behind its end is not its own.
        assert_eq!(goes_on_to(&prepares, START, 14), None);
    }

    #[test]
    fn a_call_returns_to_the_function() {
        // push rbx; mov rbx, rdi; call 0x402000; pop rbx; ret
        let code = [0x53, 0x48, 0x89, 0xFB, 0xE8, 0xF7, 0xF, 0, 0, 0x5B, 0xC3];
        let beginning = of(&code).unwrap();
        assert_eq!(beginning.replaced.get(), &code[..9]);
        let expected = ["Push 0", "Mov 0", "Lea 401009", "Push 0", "Jmp 402000"];
        assert_eq!(text(&placed(&beginning, 0x10_0000), 0x10_0000), expected);
        // call [rip+0x100]
        let by_table = of(&[0xFF, 0x15, 0, 1, 0, 0, 0xC3]).unwrap();
        let expected = ["Lea 401006", "Push 0", "Jmp 401106"];
        assert_eq!(text(&placed(&by_table, 0x10_0000), 0x10_0000), expected);
    }

    #[test]
    fn a_function_shorter_than_a_jump_needs_room_behind_it() {
        // xor eax, eax; ret, then nop word [rax+rax], or another function
        let followed = |next: &[u8]| Beginning::of(&[&[0x31, 0xC0, 0xC3], next].concat(), START, 3);
        let padded = followed(&[0x66, 0x0F, 0x1F, 0x44, 0, 0]).unwrap();
        assert_eq!(text(&placed(&padded, 0x10_0000), 0x10_0000), ["Xor 0", "Ret 0"]);
        assert!(followed(&[0xCC, 0xCC]).is_ok());
        assert_eq!(followed(&[0x55, 0x53]), Err(Unsafe::Short));
        assert_eq!(followed(&[]), Err(Unsafe::Unmovable));
        // What follows an end inside of a function is jumped to, and is no filling.
        assert_eq!(of(&[0x31, 0xC0, 0xC3, 0x55, 0x53, 0xC3]), Err(Unsafe::Short));
    }

    #[test]
    fn a_jump_back_into_the_first_bytes_forbids_it() {
        // dec rdi; dec rsi; jne to the second instruction
        assert_eq!(of(&[0x48, 0xFF, 0xCF, 0x48, 0xFF, 0xCE, 0x75, 0xFB, 0xC3]), Err(Unsafe::JumpedInto));
        // to the first: what was a call is a loop
        assert_eq!(of(&[0x48, 0xFF, 0xCF, 0x48, 0xFF, 0xCE, 0x75, 0xF8, 0xC3]), Err(Unsafe::JumpedInto));
        // push rbp; mov rbp, rsp; push rbx; call itself: a call like any other
        assert!(of(&[0x55, 0x48, 0x89, 0xE5, 0x53, 0xE8, 0xF6, 0xFF, 0xFF, 0xFF, 0xC3]).is_ok());
    }

    #[test]
    fn what_works_nowhere_else_is_left_alone() {
        assert_eq!(of(&[0xFF, 0xD0, 0x90, 0x90, 0x90, 0xC3]), Err(Unsafe::Calls)); // call rax
        assert_eq!(of(&[0xE3, 0x10, 0x90, 0x90, 0x90, 0xC3]), Err(Unsafe::Unmovable)); // jrcxz
        assert_eq!(of(&[0xE2, 0x10, 0x90, 0x90, 0x90, 0xC3]), Err(Unsafe::Unmovable)); // loop
        assert_eq!(of(&[0x0F, 0x0B, 0x55, 0x53, 0x54, 0xC3]), Err(Unsafe::Short)); // ud2 ends it
        assert_eq!(of(&[0x06; 8]), Err(Unsafe::Unmovable)); // no instruction
    }

    #[test]
    fn a_jump_from_elsewhere_into_the_first_bytes_is_found() {
        let ranges = [START..START + 5, START + 0x40..START + 0x46];
        // At START + 0x100: jmp START+0x43; je START; call START+0x40
        let mut code = vec![0x90; 16];
        let mut put = |at: usize, opcode: &[u8], target: u64| {
            let end = START + 0x100 + (at + opcode.len() + 4) as u64;
            code[at..at + opcode.len()].copy_from_slice(opcode);
            let distance = target.wrapping_sub(end) as i32;
            code[at + opcode.len()..at + opcode.len() + 4].copy_from_slice(&distance.to_le_bytes());
        };
        put(0, &[0x0F, 0x84], START);
        put(10, &[0xE8], START + 0x40);
        assert!(jumped_into(&code, START + 0x100, &ranges).is_empty());
        let mut code = vec![0xE9, 0, 0, 0, 0];
        let distance = (START + 0x43).wrapping_sub(START + 0x105) as i32;
        code[1..].copy_from_slice(&distance.to_le_bytes());
        assert_eq!(jumped_into(&code, START + 0x100, &ranges), [1]);
    }
}
