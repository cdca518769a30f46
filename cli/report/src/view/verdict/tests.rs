//! Programs of which it is known what they do, told by rules.

use heaptrace_pprof::cohorts::Cohort;

use super::*;
use crate::view::noise::Weight;

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    /// The time to the next event of a Poisson process.
    fn gap(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }
}

/// Blocks with birth and death, as what is left of them at `end` says.
fn life(blocks: &[(f64, f64)], end: f64) -> Life {
    let mut began = vec![0.0];
    let mut next = 0.05;
    while next < end {
        began.push(next);
        next *= 4.0 / 3.0;
    }
    let mut life = Life::new(&began, end);
    let eras = life.eras.clone();
    let index = |moment: f64| began.partition_point(|&begin| begin <= moment) - 1;
    let mut rows: Vec<Cohort> = (0..eras.len()).map(|era| Cohort { era, ..Cohort::default() }).collect();
    for &(born, died) in blocks.iter().filter(|&&(born, _)| born <= end) {
        let first = index(born);
        rows[first].born += 1;
        rows[first].alive += i64::from(died > end);
        for (row, _) in rows.iter_mut().zip(&eras).skip(first).take_while(|(_, era)| died > era.end) {
            row.in_use += 1;
            row.older += i64::from(row.era > first);
        }
    }
    life.add(&rows, Weight { value: 1000.0, missed: 0.9 });
    life
}

/// Blocks born at that rate, each for as long as `lasts` says.
fn blocks(
    random: &mut Random,
    rate: f64,
    end: f64,
    mut lasts: impl FnMut(&mut Random, f64) -> f64,
) -> Vec<(f64, f64)> {
    let (mut all, mut now) = (Vec::new(), 0.0);
    loop {
        now += random.gap(rate);
        if now > end {
            return all;
        }
        let lasting = lasts(random, now);
        all.push((now, now + lasting));
    }
}

const END: f64 = 100.0;
const EVER: f64 = f64::INFINITY;

fn verdicts(seeds: u64, of: impl Fn(&mut Random) -> Vec<(f64, f64)>) -> Vec<Verdict> {
    (0..seeds).map(|seed| judge(&life(&of(&mut Random(seed)), END)).verdict).collect()
}

fn share(verdicts: &[Verdict], is: impl Fn(&Verdict) -> bool) -> f64 {
    verdicts.iter().filter(|verdict| is(verdict)).count() as f64 / verdicts.len() as f64
}

#[test]
fn a_leak_among_churn_is_one_and_its_growth_is_known_to_its_interval() {
    let of = |random: &mut Random| {
        let mut all = blocks(random, 0.5, END, |_, _| EVER);
        all.extend(blocks(random, 200.0, END, |random, _| random.gap(2.0)));
        all
    };
    let verdicts = verdicts(60, of);
    assert!(share(&verdicts, |v| *v == Verdict::Leak) > 0.9, "{verdicts:?}");
    let growths: Vec<_> = (0..100).map(|seed| judge(&life(&of(&mut Random(seed)), END))).collect();
    let mean = growths.iter().map(|j| j.growth).sum::<f64>() / 100.0;
    assert!((mean - 500.0).abs() < 50.0, "{mean}");
    // The interval is of the sampling; that births come by chance adds little to it.
    let within = growths.iter().filter(|j| (j.growth - 500.0).abs() <= 1.2 * j.half_interval).count();
    assert!(within >= 90, "{within}");
}

#[test]
fn churn_of_any_size_is_steady() {
    for rate in [1.0, 20.0, 300.0] {
        let verdicts = verdicts(100, |random| blocks(random, rate, END, |random, _| random.gap(1.0)));
        assert!(share(&verdicts, |v| *v == Verdict::Steady) > 0.9, "{rate}: {verdicts:?}");
        assert_eq!(share(&verdicts, |v| *v == Verdict::Leak), 0.0);
    }
}

#[test]
fn a_cache_that_is_full_and_one_that_drops_the_oldest_are_caches() {
    let full = verdicts(100, |random| blocks(random, 5.0, 0.45 * END, |_, _| EVER));
    let drops = verdicts(100, |random| blocks(random, 5.0, END, |_, _| 30.0));
    for verdicts in [full, drops] {
        assert!(share(&verdicts, |v| *v == Verdict::Cache) > 0.8, "{verdicts:?}");
        assert!(share(&verdicts, |v| *v == Verdict::Leak) <= 0.01, "{verdicts:?}");
    }
}

#[test]
fn a_population_that_is_still_filling_up_but_loses_old_blocks_is_no_leak_yet() {
    let verdicts = verdicts(60, |random| blocks(random, 5.0, END, |random, _| random.gap(1.0 / 200.0)));
    assert!(share(&verdicts, |v| *v == Verdict::Leak) <= 0.05, "{verdicts:?}");
}

/// Seconds after which a program is judged, of an hour.
const MOMENTS: [f64; 9] = [120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 2400.0, 3000.0, 3600.0];

#[test]
fn a_cache_that_fills_or_keeps_its_entries_for_a_quarter_of_an_hour_is_at_no_moment_a_leak() {
    let hour = MOMENTS[8];
    // Each key once, ever fewer are new.
    let fills = |random: &mut Random| (0..600).map(|_| (random.gap(1.0 / 500.0), EVER)).collect::<Vec<_>>();
    let drops_oldest = |random: &mut Random| blocks(random, 0.5, hour, |_, _| 900.0);
    let drops_any = |random: &mut Random| blocks(random, 0.5, hour, |random, _| random.gap(1.0 / 900.0));
    let leaks = |of: &dyn Fn(&mut Random) -> Vec<(f64, f64)>| {
        let of_seed = |seed| {
            let blocks = of(&mut Random(seed));
            MOMENTS.iter().filter(|&&end| judge(&life(&blocks, end)).verdict == Verdict::Leak).count()
        };
        (0..50).map(of_seed).sum::<usize>()
    };
    let leaks = [leaks(&fills), leaks(&drops_oldest), leaks(&drops_any)];
    assert!(leaks.iter().all(|&leaks| leaks <= 50 * MOMENTS.len() / 100), "{leaks:?}");
}

#[test]
fn a_leak_that_cannot_be_told_from_a_cache_yet_is_one_as_soon_as_it_can() {
    let blocks = blocks(&mut Random(1), 0.5, MOMENTS[8], |_, _| EVER);
    let verdict = |end: f64| judge(&life(&blocks, end)).verdict;
    let wait = |seconds| Verdict::TooEarly(Wait { seconds, finer: 1.0 });
    assert_eq!([300.0, 1199.0].map(verdict), [900.0, 1.0].map(wait));
    assert!([1200.0, 1800.0, 3600.0].map(verdict).iter().all(|verdict| *verdict == Verdict::Leak));
}

/// A cache may as well take an hour to fill: each key once, ever fewer are new.
#[test]
fn what_only_fills_and_ever_more_slowly_is_too_early_after_twenty_minutes_too() {
    let hour = MOMENTS[8];
    let of = |random: &mut Random| (0..2000).map(|_| (random.gap(1.0 / hour), EVER)).collect::<Vec<_>>();
    let verdicts: Vec<_> = (0..20).map(|seed| judge(&life(&of(&mut Random(seed)), hour)).verdict).collect();
    let wait = Verdict::TooEarly(Wait { seconds: hour / 2.0, finer: 1.0 });
    assert!(share(&verdicts, |verdict| *verdict == wait) > 0.9, "{verdicts:?}");
}

#[test]
fn a_leak_among_blocks_that_come_and_go_needs_no_twenty_minutes() {
    let end = 300.0;
    let of = |random: &mut Random| {
        let mut all = blocks(random, 0.5, end, |_, _| EVER);
        all.extend(blocks(random, 5.0, end, |random, _| random.gap(1.0)));
        all
    };
    let verdicts: Vec<_> = (0..20).map(|seed| judge(&life(&of(&mut Random(seed)), end)).verdict).collect();
    assert!(share(&verdicts, |verdict| *verdict == Verdict::Leak) > 0.9, "{verdicts:?}");
}

#[test]
fn what_was_allocated_at_the_beginning_is_start_up() {
    let verdicts = verdicts(50, |random| blocks(random, 50.0, 3.0, |_, _| EVER));
    assert_eq!(share(&verdicts, |v| *v == Verdict::StartUp), 1.0);
}

#[test]
fn a_queue_that_fills_is_no_leak_yet() {
    // From 70 s on twice as many come as are served.
    let verdicts = verdicts(60, |random| {
        let mut all = blocks(random, 10.0, END, |random, _| random.gap(5.0));
        let late = blocks(random, 10.0, 30.0, |_, now| 0.5 * now);
        all.extend(late.into_iter().map(|(born, died)| (born + 70.0, died + 70.0)));
        all
    });
    assert_eq!(share(&verdicts, |v| *v == Verdict::Leak), 0.0, "{verdicts:?}");
}

#[test]
fn what_grows_by_chance_only_is_told_what_would_make_sure() {
    let verdicts = verdicts(200, |random| blocks(random, 0.06, END, |_, _| EVER));
    assert!(share(&verdicts, |v| *v == Verdict::Leak) < 0.05);
    let waits = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::TooEarly(wait) => Some(wait),
        _ => None,
    });
    let waits: Vec<_> = waits.collect();
    assert!(waits.len() > 60, "{verdicts:?}");
    assert!(waits.iter().all(|wait| wait.seconds > 0.0 && wait.seconds < 100.0 * END && wait.finer >= 1.0));
}

#[test]
fn nothing_and_nonsense_have_a_verdict() {
    assert_eq!(judge(&Life::default()).verdict, Verdict::Steady);
    assert_eq!(judge(&Life::new(&[5.0, 3.0, f64::NAN], 1.0)).verdict, Verdict::Steady);
    assert_eq!(judge_readings(&[]).verdict, Verdict::Steady);
}

#[test]
fn a_row_of_profiles_that_rise_is_a_leak_and_one_that_levels_off_is_not() {
    let readings = |of: fn(f64) -> f64| {
        let reading = |n: i32| Reading { at: f64::from(n) * 60.0, bytes: of(f64::from(n)), variance: 1e4 };
        judge_readings(&(0..12).map(reading).collect::<Vec<_>>())
    };
    let leak = readings(|n| 1e6 + 1e5 * n);
    assert_eq!(leak.verdict, Verdict::Leak);
    assert!((leak.growth - 1e5 / 60.0).abs() < 1.0 && leak.half_interval < 20.0);
    assert_eq!(readings(|n| 1e6 * (1.0 - (-n).exp())).verdict, Verdict::Cache);
    assert_eq!(readings(|n| 1e6 + 1e4 * (n % 2.0)).verdict, Verdict::Steady);
}
