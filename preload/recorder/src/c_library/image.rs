//! What a module's own headers say of it, in memory.

use core::ops::Range;

use heaptrace_channel::sys::PAGE;

/// The ELF and program headers of a module, in memory.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// What was added to the file's addresses.
    pub bias: usize,
    /// Its program headers,
    pub headers: *const libc::Elf64_Phdr,
    /// and how many there are.
    pub count: usize,
}

impl Image {
    /// The image of a module that is mapped from `start` on, with what was added to the file's addresses;
    /// `None` if it does not begin with its headers in its first page.
    ///
    /// # Safety
    /// The page at `start` can be read, and what is mapped there stays as long as the image is used.
    pub unsafe fn at(start: usize, bias: usize) -> Option<Image> {
        // SAFETY: the caller's promise; a header is valid for any bits.
        let header = unsafe { &*(start as *const libc::Elf64_Ehdr) };
        let (offset, count) = (header.e_phoff as usize, usize::from(header.e_phnum));
        let fits = header.e_ident[..4] == *b"\x7fELF"
            && usize::from(header.e_phentsize) == size_of::<libc::Elf64_Phdr>()
            && offset < PAGE
            && offset + count * size_of::<libc::Elf64_Phdr>() <= PAGE;
        fits.then(|| Image { bias, headers: (start + offset) as *const _, count })
    }

    /// The program headers.
    fn headers(&self) -> impl Iterator<Item = &libc::Elf64_Phdr> {
        // SAFETY: `at` saw that they lie in the first page, or the kernel says where they are.
        unsafe { core::slice::from_raw_parts(self.headers, self.count) }.iter()
    }

    /// The loaded segments.
    pub fn segments(&self) -> impl Iterator<Item = Range<usize>> {
        let loaded = self.headers().filter(|header| header.p_type == libc::PT_LOAD);
        loaded.map(|header| self.range(header))
    }

    /// From its first page to the end of its last segment.
    pub fn extent(&self) -> Range<usize> {
        let start = self.segments().map(|range| range.start & !(PAGE - 1)).min();
        start.unwrap_or(0)..self.segments().map(|range| range.end).max().unwrap_or(0)
    }

    /// Does the address lie in its code?
    pub fn has_code(&self, address: usize) -> bool {
        let code = self.headers().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_X != 0);
        { code }.any(|header| self.range(header).contains(&address))
    }

    /// Where its table of unwind information is.
    pub fn eh_frame_hdr(&self) -> Option<usize> {
        let header = self.headers().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
        Some(self.range(header).start)
    }

    fn range(&self, header: &libc::Elf64_Phdr) -> Range<usize> {
        let start = self.bias.wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    }

    /// The GNU build id, if it lies in the module's extent; empty if there is none.
    pub fn build_id<'module>(&self, module: Range<usize>) -> &'module [u8] {
        let notes =
            self.headers().filter(|header| header.p_type == libc::PT_NOTE).map(|header| self.range(header));
        let inside = notes.filter(|range| {
            module.start <= range.start && range.start < range.end && range.end <= module.end
        });
        // SAFETY: notes are in a loaded segment, here inside the module's extent.
        let bytes =
            inside.map(|range| unsafe { core::slice::from_raw_parts(range.start as *const u8, range.len()) });
        bytes.filter_map(build_id_of_notes).next().unwrap_or(&[])
    }
}

/// Finds the note NT_GNU_BUILD_ID (type 3, name "GNU") among ELF notes.
fn build_id_of_notes(mut notes: &[u8]) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    loop {
        let (name, length, kind) = (word(notes, 0)? as usize, word(notes, 4)? as usize, word(notes, 8)?);
        let start = 12usize.checked_add(name.checked_next_multiple_of(4)?)?;
        let end = start.checked_add(length)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
            return notes.get(start..end);
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module's header of that type: `size` bytes from `start` on.
    fn header(p_type: u32, p_flags: u32, start: usize, size: usize) -> libc::Elf64_Phdr {
        // SAFETY: zeros are valid.
        let nothing: libc::Elf64_Phdr = unsafe { core::mem::zeroed() };
        libc::Elf64_Phdr { p_type, p_flags, p_vaddr: start as u64, p_memsz: size as u64, ..nothing }
    }

    #[test]
    fn code_is_what_is_loaded_to_be_executed() {
        let headers = [
            header(libc::PT_LOAD, libc::PF_R, 0x1010, 0x10),
            header(libc::PT_LOAD, libc::PF_R | libc::PF_X, 0x2000, 0x100),
            header(libc::PT_GNU_STACK, libc::PF_R | libc::PF_X, 0x3000, 0x100),
        ];
        let image = Image { bias: 0x10_0000, headers: headers.as_ptr(), count: headers.len() };
        assert_eq!(image.extent(), 0x10_1000..0x10_2100);
        let code = [0x10_1010, 0x10_1FFF, 0x10_2000, 0x10_20FF, 0x10_2100, 0x10_3000, 0x2000];
        assert_eq!(code.map(|at| image.has_code(at)), [false, false, true, true, false, false, false]);
    }

    #[test]
    fn a_build_id_is_one_of_notes_inside_of_the_module_only() {
        let notes = [4u32, 8, 3].map(u32::to_le_bytes).concat().into_iter().chain(*b"GNU\x0012345678");
        let notes: Vec<u8> = notes.collect();
        let (start, size) = (notes.as_ptr() as usize, notes.len());
        let build_id = |start, size, module| {
            let headers = [header(libc::PT_LOAD, 0, start, size), header(libc::PT_NOTE, 0, start, size)];
            Image { bias: 0, headers: headers.as_ptr(), count: 2 }.build_id(module)
        };
        assert_eq!(build_id(start, size, start..start + size), b"12345678");
        assert_eq!(build_id(start, size, start + 1..start + size), b"", "it begins before");
        assert_eq!(build_id(start, size, start..start + size - 1), b"", "it ends behind");
        assert_eq!(build_id(start, 0, start..start + size), b"", "it has no notes");
        let without = [header(libc::PT_LOAD, 0, start, size)];
        assert_eq!(Image { bias: 0, headers: without.as_ptr(), count: 1 }.build_id(start..start + size), b"");
    }

    #[test]
    fn a_build_id_is_found_behind_other_notes() {
        let mut notes = Vec::new();
        for (kind, text) in [(1u32, &b"abi"[..]), (3, &[7; 20])] {
            notes.extend([4u32, text.len() as u32, kind].map(u32::to_le_bytes).concat());
            notes.extend(b"GNU\0");
            notes.extend(text);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id_of_notes(&notes), Some(&[7; 20][..]));
        assert_eq!(build_id_of_notes(&notes[..40]), None);
        assert_eq!(build_id_of_notes(&[0xFF; 64]), None);
    }
}
