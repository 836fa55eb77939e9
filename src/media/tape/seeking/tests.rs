use super::super::simulated::{Access, Behaviour, Cartridge, Mechanism, Unreadable};
use super::*;

/// So large that the head and the end of a tape file are a small part of it.
const R: usize = 512 << 10;
const COUNT: u64 = 300;

/// A tape file of which each record begins with its number.
fn file(count: u64, salt: u8) -> Vec<Vec<u8>> {
    let record = |number: u64| {
        let mut record = vec![salt; R];
        record[..8].copy_from_slice(&number.to_be_bytes());
        record
    };
    (0..count).map(record).collect()
}

/// An input on the second of three tape files.
fn open(change: impl FnOnce(&mut Behaviour)) -> (Mechanism, SeekableTapeInput) {
    let mechanism = Mechanism::holding(&Cartridge::with_files(&[file(2, 1), file(COUNT, 2), file(3, 3)]));
    mechanism.change(change);
    let mut drive = mechanism.open(Access::Read).unwrap();
    drive.space_files(1).unwrap();
    let input = SeekableTapeInput::open(Box::new(drive)).unwrap();
    (mechanism, input)
}

/// The number that stands at the start of the record to which this position belongs.
fn number_at(input: &mut SeekableTapeInput, record: u64) -> u64 {
    let mut number = [0; 8];
    input.seek_to(record * R as u64).unwrap();
    assert_eq!(input.read(&mut number).unwrap(), 8);
    u64::from_be_bytes(number)
}

fn read_to_the_end(input: &mut SeekableTapeInput) -> u64 {
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        match input.read(&mut buffer).unwrap() {
            0 => return bytes,
            length => bytes += length as u64,
        }
    }
}

#[test]
fn with_addresses_the_length_is_known_and_any_place_is_found() {
    let (mechanism, mut input) = open(|_| ());
    assert_eq!(input.length(), Some(COUNT * R as u64));
    for record in [0, 1, 299, 298, 150, 5, 151, 7, 290] {
        assert_eq!(number_at(&mut input, record), record);
    }
    input.seek_to(20 * R as u64 + 7).unwrap();
    let mut bytes = [0; 2];
    input.read(&mut bytes).unwrap();
    assert_eq!(bytes, [20, 2]);
    assert_eq!(input.positionings() + 1, mechanism.positionings());
    input.seek_to(COUNT * R as u64).unwrap();
    assert_eq!(input.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn small_steps_and_the_edges_cost_no_positioning() {
    let (mechanism, mut input) = open(|_| ());
    let opened = mechanism.positionings();
    assert_eq!(opened, 2);
    (0..8).rev().for_each(|record| assert_eq!(number_at(&mut input, record), record));
    assert_eq!(mechanism.positionings(), opened);
    // The end, back from it, and forward again.
    for record in [299, 298, 293, 292, 299] {
        assert_eq!(number_at(&mut input, record), record);
    }
    assert_eq!(mechanism.positionings(), opened + 1);
    for record in [100, 130, 120, 200] {
        assert_eq!(number_at(&mut input, record), record);
    }
    assert_eq!(mechanism.positionings(), opened + 2);
}

#[test]
fn without_addresses_the_tail_is_read_and_places_are_found_by_spacing() {
    for emulated in [true, false] {
        let (_, mut input) = open(|behaviour| {
            (behaviour.addresses, behaviour.stops_at_filemarks) = (false, !emulated);
            behaviour.overshoots_filemarks = emulated;
        });
        assert_eq!(input.length(), None);
        let tail = input.tail().unwrap().unwrap();
        assert!(tail.ends_with(&file(COUNT, 2)[299]) && tail.len() == if emulated { 9 * R } else { 8 * R });
        // As an archive's reader does: the last index, and on to the end.
        assert_eq!(number_at(&mut input, 290), 290);
        let length = 290 * R as u64 + 8 + read_to_the_end(&mut input);
        input.set_length(length);
        assert_eq!(input.length(), Some(COUNT * R as u64));
        for record in [298, 10, 200, 11, 0, 299] {
            assert_eq!(number_at(&mut input, record), record);
        }
    }
}

#[test]
fn the_tail_is_still_there_when_the_length_becomes_known() {
    let (mechanism, mut input) = open(|behaviour| behaviour.addresses = false);
    input.tail().unwrap().unwrap();
    input.set_length(COUNT * R as u64);
    let before = mechanism.positionings();
    assert_eq!(number_at(&mut input, 295), 295);
    assert_eq!(mechanism.positionings(), before);
}

#[test]
fn spacing_is_split_where_the_count_is_too_large_for_one_command() {
    let limit = 60;
    let (mechanism, drive) = {
        let mechanism = Mechanism::holding(&Cartridge::with_files(&[file(COUNT, 2)]));
        (mechanism.clone(), mechanism.open(Access::Read).unwrap())
    };
    mechanism.change(|behaviour| behaviour.largest_space = limit);
    let mut records = Records::new(Box::new(drive));
    records.space_in_parts(250, i64::from(limit)).unwrap();
    assert_eq!(records.drive().address().unwrap(), 250);
    records.space_in_parts(-200, i64::from(limit)).unwrap();
    assert_eq!(records.drive().address().unwrap(), 50);
    assert_eq!(mechanism.positionings(), 5 + 4);
}

#[test]
fn a_small_tape_file_is_all_read_at_once() {
    for addresses in [true, false] {
        let mechanism = Mechanism::holding(&Cartridge::with_files(&[file(3, 1)]));
        mechanism.change(|behaviour| behaviour.addresses = addresses);
        let drive = mechanism.open(Access::Read).unwrap();
        let mut input = SeekableTapeInput::open(Box::new(drive)).unwrap();
        assert_eq!(input.length(), Some(3 * R as u64));
        assert!(input.tail().is_none());
        [2, 0, 1].iter().for_each(|record| assert_eq!(number_at(&mut input, *record), *record));
        assert_eq!(mechanism.positionings(), 0);
    }
}

#[test]
fn a_tape_file_that_was_not_closed_is_as_long_as_what_is_recorded() {
    for addresses in [true, false] {
        let cartridge = Cartridge::with_files(&[file(60, 1)]);
        cartridge.cut(50);
        let mechanism = Mechanism::holding(&cartridge);
        mechanism.change(|behaviour| behaviour.addresses = addresses);
        let drive = mechanism.open(Access::Read).unwrap();
        let mut input = SeekableTapeInput::open(Box::new(drive)).unwrap();
        if addresses {
            assert_eq!(input.length(), Some(50 * R as u64));
        } else {
            assert!(input.tail().unwrap().unwrap().ends_with(&file(60, 1)[49]));
        }
        assert_eq!(number_at(&mut input, 40), 40);
        assert_eq!(read_to_the_end(&mut input), 10 * R as u64 - 8);
    }
}

#[test]
fn records_of_several_sizes_are_refused_where_places_are_counted_by_them() {
    for (place, bytes) in [(100, R - 512), (101, R + 512), (1, R / 2)] {
        let cartridge = Cartridge::with_files(&[file(COUNT, 1)]);
        cartridge.change_record(place, |record| record.resize(bytes, 0));
        let mechanism = Mechanism::holding(&cartridge);
        let drive = mechanism.open(Access::Read).unwrap();
        let failure = match SeekableTapeInput::open(Box::new(drive)) {
            Ok(mut input) => {
                input.seek_to(99 * R as u64).unwrap();
                let mut buffer = vec![0; R];
                (0..8).find_map(|_| input.read(&mut buffer).err())
            }
            Err(error) => Some(error),
        };
        assert!(failure.unwrap().to_string().contains("bytes, where those before it have"), "{place}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_told_exactly_and_the_rest_is_still_found() {
    for (addresses, passes) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mechanism, mut input) = open(|behaviour| behaviour.addresses = addresses);
        // Behind the records of the first tape file and its filemark.
        let cartridge = mechanism.eject().unwrap();
        cartridge.make_unreadable(3 + 20, Unreadable { failures: u32::MAX, passes });
        mechanism.insert(&cartridge);
        input.place = Place::Lost;
        assert_eq!(number_at(&mut input, 19), 19);
        input.seek_to(20 * R as u64).unwrap();
        let error = input.read(&mut [0; 10]).unwrap_err().to_string();
        assert!(error.contains(&format!("record 20, bytes {} to {} of the tape file", 20 * R, 21 * R)), "{error}");
        assert_eq!(number_at(&mut input, 21), 21);
        assert_eq!(number_at(&mut input, 19), 19);
    }
}

#[test]
fn a_blank_tape_and_one_that_lost_its_position_cannot_be_opened() {
    let mechanism = Mechanism::holding(&Cartridge::large());
    let error = SeekableTapeInput::open(Box::new(mechanism.open(Access::Read).unwrap())).err().unwrap();
    assert!(error.to_string().contains("blank"), "{error}");
    let mechanism = Mechanism::holding(&Cartridge::with_files(&[file(1, 1)]));
    let drive = mechanism.open(Access::Read).unwrap();
    mechanism.reset();
    let error = SeekableTapeInput::open(Box::new(drive)).err().unwrap();
    assert!(error.to_string().contains("reset in between"), "{error}");
}
