use super::*;

#[test]
fn a_class_has_the_sizes_between_two_powers_of_two() {
    let classes = [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (1 << 20, 21), (u64::MAX / 2, 47)];
    for (size, class) in classes {
        assert_eq!(size_class(size), class, "{size}");
    }
}

#[test]
fn a_malloc_that_failed_is_not_counted_as_one_that_did_not() {
    let slot = Slot::empty();
    for size in [0, 5, 1 << 40, u64::MAX / 2 + 1] {
        // As the assembly counts, before it knows.
        slot.last.store(size, Relaxed);
        let class = 63 - size.wrapping_mul(2).wrapping_add(1).leading_zeros();
        slot.add(&slot.histogram.as_flattened()[class as usize], 1);
        slot.add(&slot.bytes[0], size);
        slot.malloc_failed();
    }
    assert_eq!(slot.calls(Family::Malloc), (0, [0; CLASSES]));
    assert_eq!(slot.calls(Family::Calloc), (0, [0; CLASSES]));
    assert_eq!(slot.failures(Family::Malloc), 4);
}

#[test]
fn calls_that_are_handed_on_are_counted_where_the_program_called() {
    let slot = Slot::empty();
    for size in [0, 5, 5] {
        slot.allocated(Family::Malloc, size.max(1)); // one more, by the program itself
        slot.allocated(Family::Malloc, size.max(1));
        slot.forwarded(Forwarded::NewToMalloc, size);
    }
    slot.forwarded(Forwarded::ArrayToNew, 5); // of the last one
    let calls = |family| {
        let (bytes, histogram) = slot.calls(family);
        (bytes, histogram[0], histogram[1], histogram[3])
    };
    assert_eq!(calls(Family::Malloc), (11, 0, 1, 2));
    assert_eq!(calls(Family::New), (5, 1, 0, 1));
    assert_eq!(calls(Family::NewArray), (5, 0, 0, 1));
}

#[test]
fn an_inner_call_is_known_by_its_family_and_size() {
    let is =
        |outer: Forwarded, inner, sizes: [(u64, u64); 3]| sizes.map(|(size, of)| outer.is(inner, size, of));
    assert_eq!(is(Forwarded::NewToMalloc, Family::Malloc, [(0, 1), (8, 8), (8, 9)]), [true, true, false]);
    assert_eq!(is(Forwarded::NewToMalloc, Family::New, [(0, 1), (8, 8), (8, 9)]), [false; 3]);
    assert_eq!(is(Forwarded::ArrayToNew, Family::New, [(0, 0), (8, 8), (8, 9)]), [true, true, false]);
    assert_eq!(is(Forwarded::ArrayToNew, Family::Malloc, [(0, 0), (8, 8), (8, 9)]), [false; 3]);
}

#[test]
fn what_was_counted_since_a_moment_is_known_and_taken_back() {
    let slot = Slot::empty();
    slot.allocated(Family::Malloc, 7);
    let before = slot.seen(Family::Malloc);
    assert!(!slot.seen(Family::Malloc).has_calls_since(before));
    slot.failed(Family::Malloc);
    assert!(!slot.seen(Family::Malloc).has_calls_since(before), "it got nothing");
    slot.allocated(Family::Malloc, 100);
    assert!(slot.seen(Family::Malloc).has_calls_since(before));
    assert_eq!(slot.bytes_since(Family::Malloc, before), 100);
    slot.take_back(Family::Malloc, before);
    assert!(!slot.seen(Family::Malloc).has_calls_since(before));
    let (bytes, histogram) = slot.calls(Family::Malloc);
    assert_eq!((bytes, histogram[size_class(7)], histogram[size_class(100)]), (7, 1, 0));
    let before = slot.seen(Family::New);
    slot.forwarded(Forwarded::NewToMalloc, 0);
    assert!(slot.seen(Family::New).has_calls_since(before), "of no bytes, counted with its malloc");
}

#[test]
fn sizes_that_change_are_counted_by_where_the_block_is_then() {
    let slot = Slot::empty();
    [true, false, false].into_iter().for_each(|moved| slot.resized(moved));
    assert_eq!((slot.resizes(), slot.frees()), ((1, 2), 0));
}

#[test]
fn a_slot_of_a_process_that_cannot_be_is_nobodys() {
    let owner = |place: u64| Owner((place + 1) << 32 | 9).process();
    let most = ProcessCounters::MAX as u64;
    assert_eq!([most - 1, most].map(owner), [Some(ProcessNumber(most as u16 - 1)), None]);
    assert_eq!([Owner(0), Owner::ALL].map(Owner::process), [None; 2]);
}

#[test]
fn no_thread_keeps_more_to_itself_than_a_step() {
    let (slot, process) = (Slot::empty(), ProcessCounters::default());
    for bytes in [3 * STEP, -STEP - 1, STEP - 1, 1] {
        slot.change_in_use(&process, bytes);
        assert!((-STEP..STEP).contains(&slot.untold()), "{}", slot.untold());
    }
}

#[test]
fn with_one_thread_the_peak_is_exact() {
    let (slot, process) = (Slot::empty(), ProcessCounters::default());
    let (mut in_use, mut peak) = (0, 0);
    let mut random = 1u32;
    for _ in 0..100_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let change = i64::from(random >> 12) - if in_use > 1 << 24 { 1 << 20 } else { 1 << 18 };
        let change = change.max(-in_use);
        in_use += change;
        peak = peak.max(in_use);
        slot.change_in_use(&process, change);
        let (told, most) = process.told();
        assert_eq!(told + slot.untold(), in_use);
        assert_eq!(most.max(told + slot.most()), peak);
    }
}
