//! Where functions begin and end, as `.eh_frame` tells: a file without symbols has that still.

use std::ops::Range;

use gimli::{BaseAddresses, CieOrFde, EhFrame, EndianSlice, RunTimeEndian, UnwindSection};

use super::elf::Elf;

/// The functions of a file by their addresses.
#[derive(Debug, Default)]
pub(super) struct FunctionBounds(Vec<Range<u64>>);

impl FunctionBounds {
    /// Those that the file has unwind information of; none behind damage.
    pub(super) fn read(elf: &Elf) -> FunctionBounds {
        let mut bounds = FunctionBounds(read(elf).unwrap_or_default());
        bounds.0.sort_unstable_by_key(|function| function.start);
        bounds
    }

    /// The function at `address`, as the file has addresses.
    pub(super) fn around(&self, address: u64) -> Option<Range<u64>> {
        let after = self.0.partition_point(|function| function.start <= address);
        let function = self.0.get(after.checked_sub(1)?)?;
        function.contains(&address).then(|| function.clone())
    }

    /// How much memory they take, in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.capacity() * size_of::<Range<u64>>()
    }
}

fn read(elf: &Elf) -> Option<Vec<Range<u64>>> {
    let section = elf.section(".eh_frame")?;
    let bytes = elf.bytes(section)?;
    let endian = if elf.is_big_endian() { RunTimeEndian::Big } else { RunTimeEndian::Little };
    let mut frames = EhFrame::from(EndianSlice::new(&bytes, endian));
    frames.set_address_size(if elf.ctx().is_big() { 8 } else { 4 });
    let mut bases = BaseAddresses::default().set_eh_frame(section.sh_addr);
    if let Some(text) = elf.section(".text") {
        bases = bases.set_text(text.sh_addr);
    }
    let mut entries = frames.entries(&bases);
    let mut functions = Vec::new();
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(fde) = entry else { continue };
        let fde = fde.parse(|frames, bases, offset| frames.cie_from_offset(bases, offset));
        functions.extend(fde.ok().map(|fde| fde.initial_address()..fde.end_address()));
    }
    Some(functions)
}
