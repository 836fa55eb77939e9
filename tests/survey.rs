//! What a survey tells of an archive is what reading it through tells, whichever way the input can be read.

mod archives;
mod vector;

use archives::{MemoryInput, Way};
use blocktar::archive::{OpenArchive, OpenOptions, Told};
use blocktar::catalog::{self, Entry, Found, Known, State};
use blocktar::extent::Range;
use vector::Vector;

fn survey(vector: &Vector, way: Way) -> (Known, Vec<Found>, Entry) {
    let (known, survey) = catalog::survey(MemoryInput::boxed(&vector.bytes, way));
    let mut told = Vec::new();
    let entry = survey.finish(&known, &mut |found| told.push(found)).unwrap();
    (known, told, entry)
}

fn read_through(vector: &Vector, way: Way) -> Vec<Found> {
    let archive = OpenArchive::open(MemoryInput::boxed(&vector.bytes, way), &OpenOptions::default()).unwrap();
    let mut told = Vec::new();
    let outcome = archive.read_through(1, |piece| {
        told.push(match piece {
            Told::Data { offset, bytes, .. } => Found::Data(Range { start: offset, length: bytes.len() as u64 }),
            Told::Zeros(range) => Found::Zeros(range),
            Told::Bad(range) => Found::Bad(range),
            Told::Part(_) => panic!("{}: it has one part", vector.name),
            Told::Damaged { why, .. } => panic!("{}: {why}", vector.name),
        });
        Ok(())
    });
    outcome.unwrap();
    told
}

/// Neighbours of a kind as one: a reader by the index may cut zeros otherwise.
fn joined(told: &[Found]) -> Vec<(u64, u64, &'static str)> {
    let mut joined: Vec<(u64, u64, &'static str)> = Vec::new();
    for found in told {
        let (range, kind) = match found {
            Found::Data(range) => (range, "data"),
            Found::Zeros(range) => (range, "zero"),
            Found::Bad(range) => (range, "bad"),
        };
        match joined.last_mut() {
            Some((_, end, last)) if (*end, *last) == (range.start, kind) => *end = range.end(),
            _ => joined.push((range.start, range.end(), kind)),
        }
    }
    joined
}

#[test]
fn a_sound_archive_tells_the_same_without_its_data() {
    let mut compared = 0;
    for vector in vector::all().iter().filter(|vector| vector.is_sound()) {
        for way in [Way::Pipe, Way::File] {
            let (known, told, entry) = survey(vector, way);
            assert!(known.info.is_some(), "{}", vector.name);
            let is_part = vector.outcome["part"].is_number();
            let sound = matches!(entry.state, State::Complete | State::WithBadRanges);
            assert_eq!((sound, entry.state == State::Part), (!is_part, is_part), "{}: {:?}", vector.name, entry.state);
            assert!(known.map.is_some() && entry.end.is_some(), "{}", vector.name);
            if !is_part {
                assert_eq!(joined(&told), joined(&read_through(vector, way)), "{} by {way:?}", vector.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 40, "only {compared}");
}

#[test]
fn a_broken_archive_tells_only_what_lies_on_the_device_and_never_looks_better_than_it_is() {
    let mut broken = 0;
    for vector in vector::all().iter().filter(|vector| !vector.is_sound()) {
        for way in [Way::Pipe, Way::File] {
            let (known, told, entry) = survey(vector, way);
            let mut at = 0;
            for range in told.iter().map(Found::range) {
                assert!(range.start >= at && range.length > 0, "{} by {way:?}: {told:?}", vector.name);
                at = range.end();
            }
            let size = known.info.map_or(0, |info| info.device.size_bytes);
            assert!(at <= size, "{} by {way:?}: {told:?}", vector.name);
            let quick = catalog::examine(MemoryInput::boxed(&vector.bytes, way)).unwrap().state;
            if quick != State::Complete {
                assert_ne!(entry.state, State::Complete, "{} by {way:?}: {quick:?}", vector.name);
            }
            // A pass over the structure sees all that is wrong with it, but not what is wrong with the data itself.
            if way == Way::Pipe && entry.state == State::Complete {
                let in_data = ["frame_", "digest_wrong"].iter().any(|name| vector.name.starts_with(name));
                assert!(in_data, "{} looks complete", vector.name);
            }
            broken += usize::from(entry.state != State::Complete);
        }
    }
    assert!(broken > 300, "only {broken}");
}
