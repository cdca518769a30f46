use super::*;
use heaptrace_channel::sample::Era;
use heaptrace_channel::stacks::{MAX_STACKS, Stack};

static BUDGET: Budget = Budget::new();

/// One that begins as small as there are any, so that it grows.
fn table(rate: u64) -> LiveTable {
    let (table, budget) = (LiveTable::new(), Budget::new());
    budget.leave(0);
    table.start(rate, &budget);
    table
}

fn insert(table: &LiveTable, address: usize, sample: Sample) -> Result<Option<Sample>, NoRoom> {
    if table.add(address, sample) { Ok(None) } else { table.insert(address, sample, &BUDGET) }
}

/// Heaps may lie anywhere, in parts as far from each other as glibc's are.
#[test]
fn a_heap_of_many_parts_is_found_again_at_any_rate() {
    for rate in [1, 4096, 512 * 1024] {
        let table = table(rate);
        let parts = [0x5555_5555_0000, 0x7fff_0000_0000, 0x7ffe_0000_0000, 0x7ffd_0400_0000];
        let step = 32.max(rate as usize / 4);
        let addresses = || parts.into_iter().flat_map(|part| (0..20_000).map(move |i| part + i * step));
        for (address, n) in addresses().zip(0..) {
            assert_eq!(insert(&table, address, sample(n)), Ok(None));
        }
        for (address, n) in addresses().zip(0..) {
            assert_eq!(table.take(address), Some(sample(n)), "rate {rate}, {address:#x}");
        }
    }
}

fn sample(n: u32) -> Sample {
    Sample { stack: Stack(n), size: u64::from(n) << 20, era: Era::new(n.into()) }
}

#[test]
fn a_block_is_taken_once_with_what_was_put_in() {
    let table = table(1);
    let large = Sample { stack: Stack(MAX_STACKS - 1), size: (1 << 47) + 12345, era: Era::new(63) };
    assert_eq!(insert(&table, 0x7fff_ffff_fff0, large), Ok(None));
    assert_eq!(table.take(0x7fff_ffff_ffe0), None);
    assert_eq!(table.take(0x7fff_ffff_fff0), Some(large));
    assert_eq!(table.take(0x7fff_ffff_fff0), None);
}

#[test]
fn a_block_takes_the_place_of_one_at_its_address_that_was_freed_unseen() {
    let table = table(1);
    // Neighbours that fill the bucket, so that the old block is at a deeper level than the new.
    (0..5).for_each(|i| assert_eq!(insert(&table, 0x10000 + i * 16, sample(i as u32)), Ok(None)));
    table.take(0x10000).unwrap();
    assert_eq!(insert(&table, 0x10040, sample(9)), Ok(Some(sample(4))));
    assert_eq!(table.take(0x10040), Some(sample(9)));
    assert_eq!(table.take(0x10040), None);
}

/// `free(NULL)` must not match an empty entry, which still has the value of its last block.
#[test]
fn there_is_no_block_at_null() {
    let table = table(1);
    for i in 1..10_000 {
        insert(&table, i << 16, sample(1)).unwrap();
        table.take(i << 16).unwrap();
        assert_eq!((table.take(0), table.take_at_hand(0)), (None, None));
    }
}

#[test]
fn a_block_is_added_at_once_where_there_is_nothing_to_it_and_is_at_hand() {
    let table = table(1);
    let known = |address| table.top().map(|top| top.known(top.index(address))).unwrap();
    assert!(!table.add(0x10000, sample(1)), "there is no level yet");
    assert_eq!(table.insert(0x10000, sample(1), &BUDGET), Ok(None));
    assert!(matches!(known(0x10000), Novelty::New), "there is none below");
    let grown = (1..).find(|&i| insert(&table, i << 16, sample(0)).is_ok() && table.count() == 2).unwrap();
    for first in [0x7000_0000, (grown + 1) << 16] {
        assert_eq!(table.insert(first, sample(1), &BUDGET), Ok(None));
        // There may be more threads, which add blocks to the level below.
        assert!(matches!(known(first), Novelty::NewHere));
        assert!(table.add(first + 16, sample(2)) && !table.add(first + 16, sample(3)));
        assert_eq!(table.take_at_hand(first), Some(sample(1)));
        assert_eq!(table.take_at_hand(first + 16), Some(sample(2)));
    }
}

#[test]
fn a_level_has_granules_of_a_quarter_of_the_one_below_down_to_the_smallest() {
    let table = table(512 * 1024);
    assert_eq!(1 << table.granule_bits(0), 512 * 1024);
    for level in 1..LEVELS {
        let quarter = table.granule_bits(level - 1) - GROWTH_BITS;
        assert_eq!(table.granule_bits(level), quarter.max(SMALLEST_GRANULE_BITS));
    }
}

#[test]
fn the_first_level_is_for_four_mebibytes_of_heap_or_half_a_one_where_there_is_little_memory() {
    for (rate, left, bits) in
        [(1, 8 << 20, 15), (1, 4 << 20, 12), (2048, 1 << 20, 11), (512 * 1024, 1 << 20, 10), (0, 1 << 20, 10)]
    {
        let (table, budget) = (LiveTable::new(), Budget::new());
        budget.leave(left);
        table.start(rate, &budget);
        assert_eq!(table.bits(0), bits, "rate {rate}, {left} bytes left");
    }
}

#[test]
fn the_table_grows_and_finds_everything_again() {
    let table = table(1);
    let address = |i: u32| 0x5555_0000_0000 + i as usize * 48;
    (0..200_000).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
    let mut count = 0;
    table.for_each(|_| count += 1);
    assert_eq!(count, 200_000);
    (0..200_000).for_each(|i| assert_eq!(table.take(address(i)), Some(sample(i))));
    table.for_each(|s| panic!("left behind: {s:?}"));
}

/// As where the process has one thread when the table grows.
#[test]
fn no_block_is_added_over_one_in_a_level_below_wherever_it_is_known_that_there_is_none() {
    const COUNT: u32 = 100_000;
    let (table, address) = (table(1), |i: u32| 0x5555_0000_0000 + i as usize * 48);
    (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
    let top = table.top().unwrap();
    table.note_alone(top, table.number(top));
    let new = (0..COUNT).filter(|&i| matches!(top.known(top.index(address(i))), Novelty::New)).count();
    assert!((1..COUNT as usize).contains(&new), "{new} of {COUNT}");
    (0..COUNT).for_each(|i| assert!(!table.add(address(i), sample(9)), "there is one"));
    (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i + 1)), Ok(Some(sample(i)))));
    let more = COUNT..3 * COUNT;
    more.clone().for_each(|i| assert_eq!(insert(&table, address(i), sample(i + 1)), Ok(None)));
    for i in 0..more.end {
        let at_hand = table.take_at_hand(address(i));
        assert_eq!(at_hand.or_else(|| table.take(address(i))), Some(sample(i + 1)));
    }
    table.for_each(|s| panic!("left behind: {s:?}"));
}

/// As jemalloc has them, of which there are more in a bucket's part of the heap than it has entries.
#[test]
fn blocks_that_lie_close_together_find_room_when_others_have_moved_up() {
    let table = table(1);
    for i in 0..100 {
        let levels = table.count();
        assert_eq!(insert(&table, 0x10_0000 + i as usize * 8, sample(i)), Ok(None));
        if table.count() > levels {
            table.lift(levels);
        }
    }
    assert_eq!(table.count(), 4, "64 blocks lie close enough to have 16 places in each level");
    (0..100).for_each(|i| assert_eq!(table.take(0x10_0000 + i as usize * 8), Some(sample(i))));
}

/// As where the process has one thread when the table grows.
#[test]
fn blocks_below_move_up_as_far_as_there_is_room() {
    const COUNT: u32 = 100_000;
    for (step, all) in [(128, true), (16, false)] {
        let (table, address) = (table(1), |i: u32| 0x5555_0000_0000 + i as usize * step);
        (0..COUNT).for_each(|i| assert_eq!(insert(&table, address(i), sample(i)), Ok(None)));
        let top = table.count() - 1;
        let below = || table.below(top).flat_map(Level::blocks).count();
        let before = below();
        assert!(before > 1000, "{before}");
        table.lift(top);
        assert!(if all { below() == 0 } else { (1..before).contains(&below()) }, "{} of {before}", below());
        let level = table.level(top).unwrap();
        for i in 0..COUNT {
            let is_below = table.below(top).any(|level| level.has(address(i)));
            let is_new = matches!(level.known(level.index(address(i))), Novelty::New);
            assert!(!(is_below && is_new), "{i} is below, and noted as if there were none");
            assert_eq!(table.take(address(i)), Some(sample(i)));
            assert_eq!(table.take(address(i)), None, "it is in one place");
        }
    }
}

#[test]
fn threads_insert_and_take_each_others_blocks() {
    let table = table(1);
    let (sender, receiver) = std::sync::mpsc::sync_channel(1000);
    std::thread::scope(|scope| {
        for t in 0..2usize {
            let (table, sender) = (&table, sender.clone());
            scope.spawn(move || {
                for i in 0..50_000usize {
                    let address = (t + 1) << 40 | i << 4;
                    insert(table, address, sample(i as u32)).unwrap();
                    sender.send((address, i)).unwrap();
                }
            });
        }
        drop(sender);
        scope.spawn(|| {
            for (address, i) in receiver {
                assert_eq!(table.take(address), Some(sample(i as u32)));
            }
        });
    });
}

#[test]
fn a_table_that_cannot_grow_keeps_what_it_has() {
    let (table, budget) = (table(1), Budget::new());
    assert!(table.insert(0x10000, sample(1), &budget).is_ok());
    budget.leave(0);
    let address = |i: usize| 0x20000 + i * 16;
    let full = (0..).find(|&i| table.insert(address(i), sample(2), &budget).is_err()).unwrap();
    assert_eq!(table.insert(address(full), sample(2), &budget), Err(NoRoom));
    assert_eq!(table.take(0x10000), Some(sample(1)));
    (0..full).for_each(|i| assert_eq!(table.take(address(i)), Some(sample(2))));
    assert_eq!(table.insert(address(full), sample(2), &budget), Ok(None), "there is room again");
}
