//! Where a drive stands after it was sent somewhere.

use super::*;

#[test]
fn spacing_over_records_stops_at_a_filemark_or_crosses_it() {
    for (stops, outcomes, addresses) in [(true, [EIO, EIO], [3, 2]), (false, [0, 0], [4, 1])] {
        let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..5)]));
        mechanism.change(|behaviour| behaviour.stops_at_filemarks = stops);
        assert_eq!(outcome(drive.space_records(4)), outcomes[0]);
        assert_eq!(drive.address().unwrap(), addresses[0]);
        assert_eq!(outcome(drive.space_records(-3)), outcomes[1]);
        assert_eq!(drive.address().unwrap(), addresses[1]);
    }
    let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2)]));
    assert_eq!(number(drive.space_records(-1)), EIO);
    mechanism.change(|behaviour| behaviour.largest_space = 1);
    assert_eq!(number(drive.space_records(2)), EINVAL);
    drive.space_records(1).unwrap();
    drive.to_end_of_data().unwrap();
    assert_eq!(number(drive.space_records(1)), EIO);
}

#[test]
fn spacing_over_files_stands_behind_a_filemark_forward_and_before_it_backward() {
    let (_, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..5)]));
    drive.space_files(1).unwrap();
    let status = drive.status().unwrap();
    assert_eq!((status.file, status.record, status.behind_filemark), (Some(1), Some(0), true));
    drive.space_files(-1).unwrap();
    assert_eq!((drive.address().unwrap(), drive.status().unwrap().record), (2, None));
    assert_eq!(number(drive.space_files(3)), EIO);
    assert!(drive.status().unwrap().at_end_of_data);
    assert_eq!(number(drive.space_files(-3)), EIO);
    assert_eq!(drive.address().unwrap(), 0);
}

#[test]
fn some_drives_go_back_a_record_too_far() {
    let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..5)]));
    mechanism.change(|behaviour| behaviour.overshoots_filemarks = true);
    drive.space_files(1).unwrap();
    drive.space_files(-1).unwrap();
    assert_eq!(read(&mut drive).unwrap(), record(1));
}

#[test]
fn a_filemark_passed_without_a_word_is_not_counted() {
    let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..5)]));
    mechanism.change(|behaviour| behaviour.stops_at_filemarks = false);
    drive.space_files(1).unwrap();
    drive.space_records(-2).unwrap();
    assert_eq!(drive.status().unwrap().file, Some(1));
    assert_eq!(read(&mut drive).unwrap(), record(1));
    assert!(read(&mut drive).unwrap().is_empty());
    assert_eq!(drive.status().unwrap().file, Some(2));
    drive.rewind().unwrap();
    drive.space_files(1).unwrap();
    assert_eq!(drive.status().unwrap().file, Some(1));
}

#[test]
fn addresses_count_filemarks_and_some_drives_have_none() {
    let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..5)]));
    drive.seek(4).unwrap();
    assert_eq!(read(&mut drive).unwrap(), record(3));
    assert_eq!((drive.address().unwrap(), drive.status().unwrap().file), (5, None));
    assert_eq!(number(drive.seek(99)), EIO);
    assert_eq!(drive.address().unwrap(), 7);
    mechanism.change(|behaviour| behaviour.addresses = false);
    assert_eq!([number(drive.address()), number(drive.seek(0))], [EIO; 2]);
}

#[test]
fn positionings_are_counted_and_reads_are_not() {
    let (mechanism, mut drive) = open(&Cartridge::with_files(&[records(0..2)]));
    read(&mut drive).unwrap();
    drive.address().unwrap();
    assert_eq!(mechanism.positionings(), 0);
    drive.rewind().unwrap();
    drive.space_files(1).unwrap();
    drive.space_records(-1).unwrap_err();
    drive.seek(1).unwrap();
    drive.to_end_of_data().unwrap();
    assert_eq!(mechanism.positionings(), 5);
}
