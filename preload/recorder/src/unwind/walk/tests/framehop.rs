//! The rules of real code lead where another unwinder goes.

use super::super::*;
use crate::c_library::{Auxiliary, Objects};
use crate::unwind::found::Found;
use crate::unwind::modules::Modules;
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};
use std::num::NonZeroU64;
use std::ops::Range;

/// A stack of which every word is its own address, scrambled: what was read where is told apart.
fn word_at(address: u64) -> u64 {
    address.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1
}

/// framehop's unwinder for one module of this process.
fn framehop(module: &Found) -> UnwinderX86_64<&'static [u8]> {
    let bytes = |from: usize| {
        let end = module.segment_end(from);
        // SAFETY: the test's own modules stay mapped.
        (from as u64..end as u64, unsafe { core::slice::from_raw_parts(from as *const u8, end - from) })
    };
    let (header_range, header): (Range<u64>, &'static [u8]) = bytes(module.eh_frame_hdr);
    // eh_frame_hdr: version, three encodings, then the 32-bit distance to .eh_frame from here.
    let distance = i32::from_le_bytes(header[4..8].try_into().unwrap());
    let (frames_range, frames) = bytes((module.eh_frame_hdr + 4).wrapping_add_signed(distance as isize));
    let sections = ExplicitModuleSectionInfo {
        base_svma: module.start as u64,
        eh_frame_hdr_svma: Some(header_range),
        eh_frame_hdr: Some(header),
        eh_frame_svma: Some(frames_range),
        eh_frame: Some(frames),
        ..Default::default()
    };
    let range = module.start as u64..module.end as u64;
    let mut unwinder = UnwinderX86_64::new();
    unwinder.add_module(Module::new("module".into(), range, module.start as u64, sections));
    unwinder
}

/// framehop, an independent unwinder, comes to the same caller from every instruction of the C
/// library and of this binary for which unwind tables have a plain rule.
#[test]
fn rules_lead_where_framehop_goes() {
    let objects = Auxiliary::find().and_then(Objects::of).unwrap();
    let modules = Modules::new();
    assert!(modules.start(objects, (0, 0)));
    let (sp, bp) = (0x7000_0000_0000u64, 0x7000_0001_0000u64);
    for function in [libc::qsort as *const () as usize, word_at as *const () as usize] {
        let module = modules.find(function).unwrap();
        let (unwinder, mut cache) = (framehop(&module), CacheX86_64::<_>::new());
        let (from, to) =
            (function.saturating_sub(0x20_000).max(module.start), (function + 0x40_000).min(module.end));
        let mut compared = 0;
        for address in (from..to).step_by(5) {
            let at = Registers { ip: address + 1, sp: sp as usize, bp: bp as usize, exact: false };
            let rule = cfi::rule(&module, address);
            if !matches!(rule, Rule::Sp { .. } | Rule::Bp { .. } | Rule::End) {
                continue;
            }
            // framehop takes no notice of what would return to the beginning of a function.
            if rule == Rule::End && cfi::rule(&module, address + 1) != Rule::End {
                continue;
            }
            let ours = follow(rule, &at, |address| Some(word_at(address as u64) as usize)).ok().flatten();
            let ours = ours.map(|frame| [frame.registers.ip, frame.registers.sp, frame.registers.bp]);
            let mut registers = UnwindRegsX86_64::new(address as u64 + 1, sp, bp);
            let frame = FrameAddress::ReturnAddress(NonZeroU64::new(address as u64 + 1).unwrap());
            let caller = unwinder.unwind_frame(frame, &mut registers, &mut cache, &mut |a| Ok(word_at(a)));
            let theirs =
                caller.ok().flatten().map(|ip| [ip, registers.sp(), registers.bp()].map(|r| r as usize));
            assert_eq!(ours, theirs, "{rule:?} at {:#x} of the module", address - module.start);
            compared += 1;
        }
        assert!(compared > 10_000, "only {compared} addresses have a rule");
    }
}
