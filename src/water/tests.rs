use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;
use proptest::prelude::*;

/// An item of this many bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Item(u64);

impl Held for Item {
    fn held_bytes(&self) -> u64 {
        self.0
    }
}

/// What the source needs for an item, and the drive: ticks of their clocks.
#[derive(Clone, Copy, Debug)]
struct Work {
    bytes: u64,
    source: u64,
    drive: u64,
}

const TICK: Duration = Duration::from_nanos(1);

/// Source and drive tick by tick, held against a simple model at each tick.
fn run(works: &[Work], capacity_bytes: u64) -> Flow {
    let mut level = Level::new(capacity_bytes, None);
    let (mut coming, mut source_done, mut drive_done) = (works.iter(), 0, 0);
    let mut next = coming.next();
    source_done += next.map_or(0, |work| work.source);
    let (mut model, mut running, mut dry, mut waits) = (VecDeque::new(), false, false, 0);
    for tick in 0u64.. {
        let now = TICK * tick as u32;
        let mut blocked = false;
        while let Some(work) = next
            && tick >= source_done
        {
            let fits = model.is_empty() || model.iter().sum::<u64>() + work.bytes <= capacity_bytes;
            assert_eq!(level.has_room(work.bytes, now), fits);
            blocked = !fits;
            if blocked {
                break;
            }
            level.put(work.bytes, now);
            model.push_back(work.bytes);
            next = coming.next();
            source_done = tick + next.map_or(0, |work| work.source);
        }
        if next.is_none() {
            level.end();
        }
        assert_eq!(level.filled_bytes(), model.iter().sum::<u64>());
        if tick < drive_done {
            continue;
        }
        let enough = model.iter().sum::<u64>() * 100 + 99 >= capacity_bytes * HIGH_MARK_PERCENT;
        match level.turn(now) {
            Turn::Take => {
                assert!(running || enough || blocked || next.is_none());
                let bytes = model.pop_front().unwrap();
                assert_eq!(level.take(now), bytes);
                waits += u64::from(dry);
                (running, dry) = (true, false);
                drive_done = tick + works.iter().find(|work| work.bytes == bytes).unwrap().drive;
            }
            Turn::Wait => {
                assert!(next.is_some() && if running { model.is_empty() } else { !enough || model.is_empty() });
                dry |= running;
                running = false;
            }
            Turn::NotBefore(_) => panic!("nothing was said of a rate"),
            Turn::End => {
                assert!(model.is_empty() && next.is_none());
                assert_eq!(level.flow().waits, waits);
                return level.flow();
            }
        }
    }
    unreachable!("the ticks do not end")
}

/// A source and a drive of steady rates.
fn steady(items: u64, bytes: u64, source: u64, drive: u64) -> Vec<Work> {
    vec![Work { bytes, source, drive }; items as usize]
}

/// 90 of 100 bytes in 9 items are there at 18 ticks. Up to the 17th item one is there whenever the drive wants one: it takes the 9 in 9 ticks while 4 more come, these in 4 while 2 come, and so on. So it is dry
/// after 17 items at 35 ticks, and again after every 17 or so.
#[test]
fn the_drive_starts_at_the_mark_and_runs_until_it_is_dry() {
    let flow = run(&steady(17, 10, 2, 1), 100);
    assert_eq!((flow.waits, flow.waited, flow.lasted), (0, Duration::ZERO, TICK * 17));
    let flow = run(&steady(19, 10, 2, 1), 100);
    assert_eq!(flow.waits, 1);
    let flow = run(&steady(1700, 10, 2, 1), 100);
    assert!((95..=105).contains(&flow.waits), "{flow:?}");
    // All the time that it did not write it waited.
    assert_eq!(flow.lasted - flow.waited, TICK * 1700);
}

#[test]
fn a_source_that_is_faster_gives_no_wait_and_needs_next_to_no_buffer() {
    let flow = run(&steady(500, 10, 1, 3), 100);
    assert_eq!((flow.waits, flow.lasted), (0, TICK * 1500));
    assert!(flow.sufficient_bytes <= 20, "{flow:?}");
    // A source that has nothing gives nothing.
    assert_eq!(run(&[], 100), Flow { capacity_bytes: 100, ..Flow::default() });
}

#[test]
fn a_buffer_smaller_than_an_item_takes_one_at_a_time() {
    let flow = run(&steady(50, 10, 2, 1), 1);
    assert_eq!((flow.waits, flow.waited), (49, TICK * 49));
}

/// A source that stands for 300 ticks needs what the drive takes in 300 ticks.
#[test]
fn the_buffer_that_would_have_sufficed_lasts_through_the_longest_stop() {
    let mut works = steady(2000, 10, 1, 2);
    works[1200].source = 600;
    let flow = run(&works, 1000);
    assert_eq!(flow.waits, 1);
    assert!((2950..=3020).contains(&flow.sufficient_bytes), "{flow:?}");
    assert_eq!(run(&works, flow.sufficient_bytes + 20).waits, 0);
    assert_eq!(run(&works, flow.sufficient_bytes - 100).waits, 1);
}

/// In one run of the drive all has to be ready but for what comes while it runs: of rates 1 and 2, a half.
#[test]
fn a_source_that_is_always_slower_would_need_its_share_of_the_whole() {
    let flow = run(&steady(5000, 10, 2, 1), 1000);
    let half = 25_000 * 100 / HIGH_MARK_PERCENT;
    assert!((half - 50..=half + 100).contains(&flow.sufficient_bytes), "{flow:?}");
    assert_eq!(run(&steady(5000, 10, 2, 1), flow.sufficient_bytes + 20).waits, 0);
    assert!(run(&steady(5000, 10, 2, 1), flow.sufficient_bytes - 200).waits > 0);
}

/// At 100 bytes a second and the margin, below the low mark; twice that in the middle between the marks.
#[test]
fn a_drive_is_fed_no_faster_than_it_must_run_unless_the_buffer_is_full() {
    let mut level = Level::new(1000, Some(100));
    let second = Duration::from_secs(1);
    (0..10).for_each(|_| level.put(100, Duration::ZERO));
    // 1,000 and 900 bytes are no less than the high mark; 800 lie in the middle.
    for filled_bytes in [1000, 900, 800] {
        assert_eq!((level.filled_bytes(), level.turn(second)), (filled_bytes, Turn::Take));
        level.take(second);
    }
    let Turn::NotBefore(next) = level.turn(second) else { panic!("it runs too fast") };
    assert!((0.48..0.49).contains(&(next - second).as_secs_f64()), "{next:?}");
    assert_eq!(level.turn(next), Turn::Take);
    level.take(next);
    let Turn::NotBefore(later) = level.turn(next) else { panic!("it runs too fast") };
    assert!((0.97..0.98).contains(&(later - next).as_secs_f64()), "{later:?}");
    // A source that waits for room, or gives nothing more, need not be waited for.
    level.end();
    assert_eq!(level.turn(next), Turn::Take);
}

#[test]
fn a_rate_holds_for_threads_too() {
    let begun = Instant::now();
    let fill = |put: &mut dyn FnMut(Item) -> Result<()>| {
        (0..100).try_for_each(|_| put(Item(100)))?;
        std::thread::sleep(Duration::from_millis(400));
        Ok(())
    };
    let mut seen = 0;
    // At least 60 of 100 are below the low mark when the source is through, 100 bytes of them every 10 milliseconds.
    let outcome = through_buffer(11_000, Some(10_000), &Progress::default(), fill, |item| {
        seen += item.0;
        Ok(())
    });
    assert!(outcome.is_ok() && seen == 10_000 && begun.elapsed() >= Duration::from_millis(400));
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    // The drive needs a tick for ten bytes; the source comes in stretches of its own pace.
    let stretch = (1usize..120, 1u64..=6, 0u64..10, prop_oneof![6 => Just(0u64), 1 => 1u64..400]);
    proptest::collection::vec(stretch, 1..8).prop_map(|stretches| {
        let of = |(items, units, source, stop): (usize, u64, u64, u64)| {
            let mut works = vec![Work { bytes: units * 10, source, drive: units }; items];
            works[0].source += stop;
            works
        };
        stretches.into_iter().flat_map(of).collect()
    })
}

proptest! {
    /// `run` holds every decision against a model; here whatever comes goes through, in whatever rhythm.
    #[test]
    fn all_decisions_are_those_of_the_model(works in works(), capacity_bytes in 1u64..5000) {
        let flow = run(&works, capacity_bytes);
        let served: u64 = works.iter().map(|work| work.drive).sum();
        prop_assert_eq!(flow.lasted - flow.waited, TICK * served as u32);
        prop_assert_eq!(flow.waits == 0, flow.waited.is_zero());
    }

    /// The buffer that is said to suffice does so, and a clearly smaller one does not, whatever buffer was there.
    #[test]
    fn what_would_have_sufficed_suffices_and_less_does_not(works in works(), capacity_bytes in 1u64..5000) {
        let sufficient_bytes = run(&works, capacity_bytes).sufficient_bytes;
        // An item or two: the account knows items as wholes.
        let again = run(&works, sufficient_bytes + 150);
        prop_assert!(again.waits == 0, "{sufficient_bytes} bytes did not suffice: {again:?}");
        if let Some(less) = (sufficient_bytes * 88 / 100).checked_sub(200) {
            let again = run(&works, less);
            prop_assert!(again.waits > 0, "{less} bytes would have done for {sufficient_bytes}: {again:?}");
        }
    }
}

fn emptied(capacity_bytes: u64, count: u64, fail_at: Option<u64>) -> (Vec<u64>, Result<Flow>) {
    let mut seen = Vec::new();
    let fill = move |put: &mut dyn FnMut(Item) -> Result<()>| {
        for item in 0..count {
            if fail_at == Some(item) {
                return Err(Error::damaged("the source", "broken"));
            }
            put(Item(item))?;
        }
        Ok(())
    };
    let outcome = through_buffer(capacity_bytes, None, &Progress::default(), fill, |item| {
        seen.push(item.0);
        Ok(())
    });
    (seen, outcome)
}

#[test]
fn everything_comes_through_in_order_whatever_the_buffer() {
    for capacity_bytes in [0, 1, 100, 1 << 30] {
        let (seen, outcome) = emptied(capacity_bytes, 500, None);
        assert_eq!(seen, (0..500).collect::<Vec<_>>());
        assert_eq!(outcome.unwrap().capacity_bytes, capacity_bytes);
    }
}

#[test]
fn a_failing_source_is_told_behind_what_came_before() {
    for capacity_bytes in [1, 1 << 30] {
        let (seen, outcome) = emptied(capacity_bytes, 500, Some(77));
        assert_eq!(seen.len(), 77);
        assert!(matches!(outcome, Err(Error::Damaged { .. })));
    }
}

#[test]
fn a_failing_drive_stops_the_source_and_is_what_is_told() {
    let handed_over = AtomicUsize::new(0);
    let fill = |put: &mut dyn FnMut(Item) -> Result<()>| {
        loop {
            put(Item(10))?;
            handed_over.fetch_add(1, SeqCst);
        }
    };
    let outcome =
        through_buffer(100, None, &Progress::default(), fill, |_| Err(Error::incomplete("the drive", "full")));
    assert!(matches!(outcome, Err(Error::Incomplete { .. })));
    assert!((9..=12).contains(&handed_over.load(SeqCst)));
}

#[test]
fn an_interruption_wakes_both_sides() {
    // The source waits for room, then the drive waits for the source.
    for capacity_bytes in [10, 1 << 20] {
        let progress = Progress::default();
        let fill = |put: &mut dyn FnMut(Item) -> Result<()>| {
            for _ in 0..2 {
                put(Item(10))?;
            }
            progress.interrupt(15);
            put(Item(10))
        };
        let outcome = through_buffer(capacity_bytes, None, &progress, fill, |_| {
            progress.interrupt(15);
            Ok(())
        });
        assert!(matches!(outcome, Err(Error::Interrupted { signal: 15 })));
    }
}

#[test]
#[should_panic(expected = "a source in panic")]
fn a_panic_of_the_source_is_passed_on_and_nobody_waits_for_it() {
    let _ = through_buffer::<Item>(100, None, &Progress::default(), |_| panic!("a source in panic"), |_| Ok(()));
}
