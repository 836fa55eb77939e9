//! What a chain tells of each byte, against a model that looks at each byte on its own.

use super::*;
use proptest::prelude::*;

const DEVICE: u64 = 60;

/// What a byte is known by: a digest of a whole range, or that it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Unknown,
    Zero,
    Of(u8, Range),
}

/// An archive in a few numbers: the device's size, and ranges with the gap before them, their length and what they hold.
fn an_archive() -> impl Strategy<Value = (u64, Vec<(u64, u64, u8)>)> {
    (0..DEVICE, proptest::collection::vec((0u64..12, 1u64..20, 0u8..5), 0..8))
}

fn parent(size_bytes: u64) -> Parent {
    Parent { id: String::new(), state: Digest([0; 32]), device_size: size_bytes }
}

/// Enters the archive in the baseline and in the model.
fn told(number: u8, size_bytes: u64, ranges: &[(u64, u64, u8)], model: &mut Vec<Byte>) -> Told {
    let mut told = Told {
        kind: if number.is_multiple_of(2) { DigestKind::Sha256 } else { DigestKind::Blake3 },
        ..Told::default()
    };
    model.resize(size_bytes as usize, Byte::Unknown);
    let mut at = 0;
    for &(gap, length, what) in ranges {
        let range = Range { start: at + gap, length };
        at = range.end();
        if at > size_bytes {
            break;
        }
        let (held, byte) = match what {
            0 => (Held::Bad, Byte::Unknown),
            1 => (Held::Zero, Byte::Zero),
            _ => (Held::Data(Digest([number; 32])), Byte::Of(number, range)),
        };
        told.enter(range, held);
        model[range.start as usize..range.end() as usize].fill(byte);
    }
    told
}

/// What the model says of a byte: the digest of a range counts only while all of it is there.
fn known(model: &[Byte], byte: usize) -> Byte {
    match model[byte] {
        Byte::Of(_, range) => {
            let whole = model.get(range.start as usize..range.end() as usize);
            let is_whole = whole.is_some_and(|bytes| bytes.iter().all(|other| *other == model[byte]));
            if is_whole { model[byte] } else { Byte::Unknown }
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn the_newest_archive_wins_and_a_digest_is_one_of_the_whole(archives in proptest::collection::vec(an_archive(), 1..6), now in 0..DEVICE) {
        let (mut model, mut baseline) = (Vec::new(), None::<Baseline>);
        for (number, (size_bytes, ranges)) in archives.iter().enumerate() {
            let told = told(number as u8, *size_bytes, ranges, &mut model);
            let parent = parent(*size_bytes);
            baseline = Some(match baseline {
                None => Baseline { parent, digest: told.kind, data: told.data, zeros: told.zeros, bad: told.bad },
                Some(older) => older.overlaid(told, parent),
            });
        }
        let baseline = baseline.unwrap();
        model.resize(now as usize, Byte::Unknown);
        let (mut cursor, mut at) = (BaselineCursor::new(&baseline), 0);
        while at < now {
            let unit = cursor.unit(at, now);
            prop_assert!(unit.range.start == at && unit.range.length > 0 && unit.range.end() <= now);
            for byte in unit.range.start..unit.range.end() {
                let expected = match known(&model, byte as usize) {
                    Byte::Unknown => Before::Unknown,
                    Byte::Zero => Before::Zero,
                    Byte::Of(number, range) => {
                        prop_assert_eq!(range, unit.range);
                        let kind = if number % 2 == 0 { DigestKind::Sha256 } else { DigestKind::Blake3 };
                        Before::Data(kind, Digest([number; 32]))
                    }
                };
                prop_assert_eq!(unit.before, expected, "byte {} of {:?}", byte, &model);
            }
            at = unit.range.end();
        }
        let known = (0..model.len()).filter(|byte| known(&model, *byte) != Byte::Unknown).count() as u64;
        prop_assert!(known <= baseline.known_bytes() && baseline.known_bytes() <= baseline.parent.device_size);
    }
}

#[test]
fn samples_are_spread_over_what_did_not_change() {
    let range = |place: u64| Range { start: place * 100, length: 100 };
    let mut told = Told::default();
    (0..10).for_each(|place| told.enter(range(place), Held::Data(Digest([place as u8; 32]))));
    let baseline =
        Baseline { parent: parent(1000), digest: told.kind, data: told.data, zeros: told.zeros, bad: told.bad };
    let places = |count, length_max, within, kind, changed: &[Range]| -> Vec<u64> {
        let changed = changed.iter().copied().collect();
        let sample = baseline.sample(count, length_max, within, kind, &changed);
        sample.into_iter().map(|(range, _)| range.start / 100).collect()
    };
    let sha256 = DigestKind::Sha256;
    assert_eq!(places(2, 100, 1000, sha256, &[]), [4, 9]);
    assert_eq!(places(100, 100, 1000, sha256, &[]).len(), 10);
    assert_eq!(places(100, 100, 399, sha256, &[range(1)]), [0, 2]);
    for nothing in [
        places(0, 100, 1000, sha256, &[]),
        places(9, 99, 1000, sha256, &[]),
        places(9, 100, 1000, DigestKind::Blake3, &[]),
    ] {
        assert!(nothing.is_empty());
    }
}

#[test]
fn what_could_not_be_read_is_read_again_where_nothing_changed() {
    let range = |start: u64, end: u64| Range::between(start << 20, end << 20);
    let told = |ranges: &[(u64, u64, Held)]| {
        let mut told = Told::default();
        ranges.iter().for_each(|&(start, end, held)| told.enter(range(start, end), held));
        told
    };
    let data = Held::Data(Digest([1; 32]));
    let full =
        told(&[(0, 10, Held::Bad), (10, 12, data), (12, 14, Held::Bad), (14, 40, Held::Zero), (40, 50, Held::Bad)]);
    let baseline =
        Baseline { parent: parent(50 << 20), digest: full.kind, data: full.data, zeros: full.zeros, bad: full.bad };
    let baseline = baseline.overlaid(told(&[(2, 4, data), (20, 22, Held::Bad)]), parent(44 << 20));
    let extent = |start, end| Extent::data(range(start, end).start, range(start, end).length);
    let hole = |start, end| Extent::hole(range(start, end).start, range(start, end).length);
    let changed: ExtentMap = [extent(1, 3), hole(21, 30)].into_iter().collect();
    let map: Vec<_> = baseline.with_unread(changed, 42 << 20).iter().collect();
    let expected = [extent(0, 3), extent(4, 10), extent(12, 14), extent(20, 21), hole(21, 30), extent(40, 42)];
    assert_eq!(map, expected);
}
