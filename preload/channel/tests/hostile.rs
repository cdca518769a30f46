//! A peer that does anything to the memory that both ends share: each field that it writes, with all that may be
//! in there, and many at once. The fuzzer does the same (tests/fuzz).

#[path = "../../../tests/fuzz/bodies/channel.rs"]
mod channel;

use channel::Memory;
use heaptrace_channel::patch::{Bytes, Deed, Distance, MAX_DISTANCES, Patch, Shape, VERSION};
use heaptrace_channel::ring::{Progress, Reader};

/// Does `work` for each item, several at once: a writer may have to wait for a reader that there is not.
fn for_each<T: Copy + Sync>(items: &[T], work: impl Fn(T) + Sync) {
    let share = items.len().div_ceil(16);
    std::thread::scope(|scope| {
        for some in items.chunks(share) {
            scope.spawn(|| some.iter().for_each(|&item| work(item)));
        }
    });
}

#[test]
fn whatever_a_field_holds_both_ends_come_to_an_end() {
    // Zeros, all ones, the sign, and what is one too many; each for the word and for its halves.
    const WORDS: [u64; 6] = [0, u64::MAX, 1 << 63, 1 << 31 | 1, 0x7FFF_FFFF_FFFF_FFF0, 257];
    let fields = Memory::new().written();
    assert!(fields.len() > 60, "header, processes, rings, modules, slots and sums: {}", fields.len());
    for_each(&fields, |at| {
        let words = WORDS.map(|word| (at, word.to_le_bytes().to_vec()));
        let halves = [at, at + 4].map(|half| (half, vec![0xFF; 4]));
        for (at, bytes) in words.into_iter().chain(halves) {
            let memory = Memory::new();
            let mut progress = Progress::default();
            let mut reader = Reader::new(*memory.segment.rings(), &mut progress);
            memory.spoil(at, &bytes);
            memory.look(&mut reader);
            memory.write();
            memory.look(&mut reader);
        }
    });
}

#[test]
fn whatever_a_message_with_patches_holds_each_leads_where_it_says_or_is_refused() {
    let mut distances = [Distance::default(); MAX_DISTANCES];
    distances[0] = Distance { at: 6, end: 10, target: -77 };
    let patch = Patch {
        function: 0x5555_0000_1230,
        skipped: 4,
        shape: Shape::change(Deed::Remake, 0, 1),
        replaced: Bytes::of(&[0x90; 5]).unwrap(),
        moved: Bytes::of(&[0x90; 10]).unwrap(),
        distances,
    };
    let message = [&[VERSION][..], &patch.encode()].concat();
    for at in 0..message.len() {
        for byte in 0..=u8::MAX {
            let mut spoilt = message.clone();
            spoilt[at] = byte;
            channel::look_at_patches(&spoilt);
        }
        channel::look_at_patches(&message[..at]);
    }
}

#[test]
fn whatever_the_other_end_does_and_when_both_ends_come_to_an_end() {
    let seeds: Vec<u64> = (1..=320).collect();
    for_each(&seeds, |seed| {
        let mut random = seed;
        let mut byte = || {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (random >> 56) as u8
        };
        let length = usize::from(byte());
        channel::run(&(0..length).map(|_| byte()).collect::<Vec<_>>());
    });
}
