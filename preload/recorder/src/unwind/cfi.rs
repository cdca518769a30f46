//! Reads the rule for an address from `.eh_frame`.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, FrameDescriptionEntry, LittleEndian, Register,
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindExpression, UnwindSection, UnwindTableRow,
};

use super::found::Found;
use super::rules::{Rule, SavedBp};
use crate::arch::{BP, OP_BP, RETURN_ADDRESS, SP};

type Bytes = EndianSlice<'static, LittleEndian>;
type Fde = FrameDescriptionEntry<Bytes>;

/// Room for unwind rows: as many registers as tables name, and as deep as they nest.
struct Storage;

impl UnwindContextStorage<usize> for Storage {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

/// The rule for `address`, which lies in `module`. Needs about 8 KiB of stack.
///
/// Without information about the address, and for what no compiler emits, that is
/// [`Rule::FramePointer`].
///
/// What would return to the first instruction of a function was never called: there a stack begins, as
/// those of makecontext do in `__start_context`.
pub fn rule(module: &Found, address: usize) -> Rule {
    let Some(tables) = Tables::of(module) else { return Rule::FramePointer };
    let address = address as u64;
    let without_information = || if tables.begins_at(address + 1) { Rule::End } else { Rule::FramePointer };
    tables.rule(address).unwrap_or_else(without_information)
}

/// A module's unwind tables, in memory.
struct Tables {
    header: Bytes,
    frames: EhFrame<Bytes>,
    bases: BaseAddresses,
}

impl Tables {
    fn of(module: &Found) -> Option<Tables> {
        let bytes = |address: usize| {
            let end = module.segment_end(address);
            // SAFETY: from `address` to the end of its loaded segment. The module stays mapped: one
            // of its functions is on this thread's stack.
            let bytes = (module.start <= address && address < end)
                .then(|| unsafe { core::slice::from_raw_parts(address as *const u8, end - address) })?;
            Some(EndianSlice::new(bytes, LittleEndian))
        };
        let header = bytes(module.eh_frame_hdr)?;
        let bases = BaseAddresses::default().set_eh_frame_hdr(module.eh_frame_hdr as u64);
        let parsed = EhFrameHdr::new(header.slice(), LittleEndian).parse(&bases, 8).ok()?;
        let eh_frame = parsed.eh_frame_ptr().direct().ok()?;
        let frames = EhFrame::from(bytes(eh_frame as usize)?);
        Some(Tables { header, frames, bases: bases.set_eh_frame(eh_frame) })
    }

    /// What is known of the function at an address.
    fn function(&self, address: u64) -> Option<Fde> {
        let header = EhFrameHdr::from(self.header).parse(&self.bases, 8).ok()?;
        let table = header.table()?;
        let entry =
            table.lookup(address, &self.bases).and_then(|entry| table.pointer_to_offset(entry)).ok()?;
        let function = self.frames.fde_from_offset(&self.bases, entry, EhFrame::cie_from_offset).ok()?;
        function.contains(address).then_some(function)
    }

    fn begins_at(&self, address: u64) -> bool {
        self.function(address).is_some_and(|function| function.initial_address() == address)
    }

    fn rule(&self, address: u64) -> Option<Rule> {
        let function = self.function(address)?;
        if function.is_signal_trampoline() {
            return Some(Rule::Signal);
        }
        let mut context = UnwindContext::<usize, Storage>::new_in();
        let row = function.unwind_info_for_address(&self.frames, &self.bases, &mut context, address).ok()?;
        self.rule_of_row(row)
    }

    fn rule_of_row(&self, row: &UnwindTableRow<usize, Storage>) -> Option<Rule> {
        match row.register(RETURN_ADDRESS) {
            None | Some(RegisterRule::Undefined) => return Some(Rule::End),
            Some(RegisterRule::Offset(-8)) => {}
            Some(_) => return None,
        }
        match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                let (offset, saved_bp) = (i32::try_from(*offset).ok()?, saved_bp(row.register(BP))?);
                match *register {
                    SP => Some(Rule::Sp { offset, saved_bp }),
                    BP => Some(Rule::Bp { offset, saved_bp }),
                    _ => None,
                }
            }
            CfaRule::Expression(expression) => self.realigned(expression),
        }
    }

    /// `DW_OP_breg6 (rbp) offset; DW_OP_deref`: where gcc keeps the CFA in a function that realigns
    /// its stack. Such a function saves `rbp` where it then points.
    fn realigned(&self, expression: &UnwindExpression<usize>) -> Option<Rule> {
        const DEREF: u8 = 0x06;
        let bytes = expression.get(&self.frames).ok()?.0;
        match *bytes.slice() {
            // A signed LEB128 of one byte: bit 6 is the sign.
            [OP_BP, offset @ 0..0x80, DEREF] => {
                Some(Rule::Realigned { offset: i32::from((offset << 1) as i8 >> 1) })
            }
            _ => None,
        }
    }
}

fn saved_bp(rule: Option<RegisterRule<usize>>) -> Option<SavedBp> {
    match rule {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => Some(SavedBp::Kept),
        Some(RegisterRule::Offset(offset)) => Some(SavedBp::Below(u32::try_from(-offset).ok()?)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use core::arch::global_asm;

    use super::*;
    use crate::c_library::{Auxiliary, Objects};
    use crate::unwind::modules::Modules;

    // Code with the unwind information that is rare in what compilers make of Rust. DW_CFA_def_cfa_expression is 0x0F,
    // DW_OP_breg6 is 0x76, and DW_OP_deref is 0x06.
    global_asm!(
        ".pushsection .text.heaptrace_cfi_tests, \"ax\", @progbits",
        ".macro function name",
        ".p2align 4",
        "nop", // no function's
        "nop",
        "\\name: .cfi_startproc",
        ".endm",
        ".macro done",
        "nop",
        ".cfi_endproc",
        ".endm",
        "function heaptrace_test_by_bp",
        ".cfi_def_cfa rbp, 24",
        ".cfi_offset rbp, -24",
        "done",
        "function heaptrace_test_realigned",
        ".cfi_escape 0x0F, 3, 0x76, 0x70, 0x06",
        "done",
        "function heaptrace_test_realigned_above",
        ".cfi_escape 0x0F, 3, 0x76, 0x08, 0x06",
        "done",
        "function heaptrace_test_far",
        ".cfi_escape 0x0F, 4, 0x76, 0xF0, 0x7E, 0x06",
        "done",
        "function heaptrace_test_by_another",
        ".cfi_def_cfa rbx, 16",
        "done",
        "function heaptrace_test_outermost",
        "nop",
        ".cfi_undefined rip",
        "done",
        "function heaptrace_test_same_bp",
        ".cfi_same_value rbp",
        "done",
        "function heaptrace_test_bp_in_another",
        ".cfi_register rbp, rbx",
        "done",
        "nop",
        ".purgem function",
        ".purgem done",
        ".popsection",
    );

    unsafe extern "C" {
        fn heaptrace_test_by_bp();
        fn heaptrace_test_realigned();
        fn heaptrace_test_realigned_above();
        fn heaptrace_test_far();
        fn heaptrace_test_by_another();
        fn heaptrace_test_outermost();
        fn heaptrace_test_same_bp();
        fn heaptrace_test_bp_in_another();
    }

    /// The module of this test.
    fn own() -> Found {
        let (vector, modules) = (Auxiliary::find().unwrap(), Box::new(Modules::new()));
        assert!(modules.start(Objects::of(vector).unwrap(), vector.program_headers()));
        modules.find(own as *const () as usize).unwrap()
    }

    #[test]
    fn a_rule_is_what_the_assembler_was_told() {
        let own = own();
        let kept = SavedBp::Kept;
        for (function, expected) in [
            (
                heaptrace_test_by_bp as unsafe extern "C" fn(),
                Rule::Bp { offset: 24, saved_bp: SavedBp::Below(24) },
            ),
            (heaptrace_test_realigned, Rule::Realigned { offset: -16 }),
            (heaptrace_test_realigned_above, Rule::Realigned { offset: 8 }),
            (heaptrace_test_far, Rule::FramePointer),
            (heaptrace_test_by_another, Rule::FramePointer),
            (heaptrace_test_same_bp, Rule::Sp { offset: 8, saved_bp: kept }),
            (heaptrace_test_bp_in_another, Rule::FramePointer),
        ] {
            assert_eq!(rule(&own, function as usize), expected);
        }
        let outermost = heaptrace_test_outermost as *const () as usize;
        assert_eq!(
            [0, 1].map(|at| rule(&own, outermost + at)),
            [Rule::Sp { offset: 8, saved_bp: kept }, Rule::End]
        );
    }

    #[test]
    fn what_would_return_to_the_beginning_of_a_function_was_never_called() {
        let (own, function) = (own(), heaptrace_test_realigned as *const () as usize);
        assert_eq!([2, 1].map(|before| rule(&own, function - before)), [Rule::FramePointer, Rule::End]);
    }

    #[test]
    fn a_module_without_unwind_information_has_frame_pointers() {
        let (own, function) = (own(), heaptrace_test_realigned as *const () as usize);
        for eh_frame_hdr in [0, own.start - 8, own.end] {
            assert_eq!(rule(&Found { eh_frame_hdr, ..own }, function), Rule::FramePointer);
        }
    }

    #[test]
    fn unwind_information_is_read_up_to_the_end_of_its_module() {
        let (own, function) = (own(), heaptrace_test_realigned as *const () as usize);
        // Behind a version and three encodings, how far .eh_frame is from here.
        let at = own.eh_frame_hdr + 4;
        // SAFETY: in the header, which stays.
        let eh_frame = at.wrapping_add_signed(unsafe { *(at as *const i32) } as isize);
        for end in [at, eh_frame + 8] {
            assert_eq!(rule(&Found { end, ..own }, function), Rule::FramePointer);
        }
    }
}
