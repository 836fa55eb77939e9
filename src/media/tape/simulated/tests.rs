mod moving;

use super::*;
use crate::drive::{Drive, DriveTransforms};
use crate::sys::errno::{EACCES, EBADF, EBUSY, EINVAL, EIO, ENOMEDIUM, ENOMEM, ENOSPC};
use std::io;

const R: usize = 10;

fn record(number: u8) -> Vec<u8> {
    vec![number; R]
}

fn records(numbers: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    numbers.map(record).collect()
}

/// The error's number.
fn number<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// 0 for success, else the error's number.
fn outcome<T>(result: io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap(), |_| 0)
}

fn open(cartridge: &Cartridge) -> (Mechanism, SimulatedDrive) {
    let mechanism = Mechanism::holding(cartridge);
    let drive = mechanism.open(Access::Both).unwrap();
    (mechanism, drive)
}

fn read(drive: &mut SimulatedDrive) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 4 * R];
    drive.read_record(&mut buffer).map(|length| buffer[..length].to_vec())
}

fn write_all(drive: &mut SimulatedDrive, count: u8) -> Vec<i32> {
    (0..count).map(|number| outcome(drive.write_record(&record(number)))).collect()
}

#[test]
fn tape_files_are_read_one_by_one_and_the_end_of_data_is_told() {
    let (_, mut drive) = open(&Cartridge::with_files(&[records(0..2), records(2..3)]));
    let mut lengths = || (0..5).map(|_| read(&mut drive).unwrap().len()).collect::<Vec<_>>();
    assert_eq!(lengths(), [R, R, 0, R, 0]);
    assert!(drive.status().unwrap().behind_filemark);
    assert_eq!(read(&mut drive).unwrap().len(), 0);
    assert!(drive.status().unwrap().at_end_of_data);
    assert_eq!((number(read(&mut drive)), number(read(&mut drive))), (EIO, EIO));
    let (_, mut blank) = open(&Cartridge::large());
    assert_eq!(number(read(&mut blank)), EIO);
    assert!(blank.status().unwrap().at_beginning);
}

#[test]
fn a_write_in_the_middle_cuts_off_what_is_behind() {
    let cartridge = Cartridge::with_files(&[records(0..3), records(3..5)]);
    let (_, mut drive) = open(&cartridge);
    drive.space_records(1).unwrap();
    drive.write_record(&record(9)).unwrap();
    assert_eq!(cartridge.files(), [[record(0), record(9)]]);
    assert!(!cartridge.is_closed());
}

#[test]
fn a_drive_writes_the_filemark_that_is_owed_before_it_moves_or_closes() {
    type Move = fn(&mut SimulatedDrive) -> io::Result<()>;
    let moves: [(&str, Move); 5] = [
        ("rewind", |drive| drive.rewind()),
        ("seek", |drive| drive.seek(0)),
        ("backward over files", |drive| drive.space_files(-1)),
        ("unload", |drive| drive.unload()),
        ("close", |_| Ok(())),
    ];
    for (name, go) in moves {
        for own_filemark in [false, true] {
            let cartridge = Cartridge::large();
            let (_, mut drive) = open(&cartridge);
            drive.write_record(&record(1)).unwrap();
            if own_filemark {
                drive.write_filemarks(1).unwrap();
            }
            // The filemark that was owed does not count as the one to go back over.
            assert_eq!(go(&mut drive).is_err(), name == "backward over files" && !own_filemark, "{name}");
            drop(drive);
            assert_eq!(cartridge.recorded(), [Recorded::Record(record(1)), Recorded::Filemark], "{name}");
        }
    }
    let cartridge = Cartridge::large();
    let (mechanism, mut drive) = open(&cartridge);
    drive.write_record(&record(1)).unwrap();
    mechanism.lose_power();
    drop(drive);
    assert!(!cartridge.is_closed());
}

#[test]
fn a_record_too_long_for_the_buffer_is_passed() {
    let (_, mut drive) = open(&Cartridge::with_files(&[records(0..2)]));
    assert_eq!(number(drive.read_record(&mut [0; R - 1])), ENOMEM);
    assert_eq!(read(&mut drive).unwrap(), record(1));
}

#[test]
fn in_fixed_mode_reads_and_writes_are_cut_into_blocks() {
    let cartridge = Cartridge::large();
    let (mechanism, mut drive) = open(&cartridge);
    mechanism.set_block_bytes(R / 2);
    assert_eq!(drive.status().unwrap().block_bytes, 5);
    assert_eq!(number(drive.write_record(&[1; R + 1])), EINVAL);
    drive.write_record(&record(1)).unwrap();
    drive.rewind().unwrap();
    assert_eq!(cartridge.files(), [vec![vec![1; R / 2]; 2]]);
    assert_eq!(drive.read_record(&mut [0; 2]).unwrap(), 2);
    assert_eq!(read(&mut drive).unwrap().len(), R - 2);
    assert_eq!(read(&mut drive).unwrap().len(), 0);
    drive.set_variable_blocks().unwrap();
    drive.rewind().unwrap();
    assert_eq!(read(&mut drive).unwrap().len(), R / 2);
}

#[test]
fn early_warning_comes_in_all_manners() {
    let documented = [0, 0, 0, ENOSPC, 0, ENOSPC, 0, ENOSPC, ENOSPC, ENOSPC];
    let refused = [0, 0, ENOSPC, ENOSPC, 0, ENOSPC, 0, ENOSPC, ENOSPC, ENOSPC];
    let once = [0, 0, ENOSPC, 0, 0, ENOSPC, ENOSPC, ENOSPC, ENOSPC, ENOSPC];
    let kinds = [EarlyWarning::Documented, EarlyWarning::RecordedYetRefused, EarlyWarning::RecordedYetRefusedOnce];
    for (kind, expected) in kinds.into_iter().zip([documented, refused, once]) {
        let cartridge = Cartridge::new(5 * R as u64, 3 * R as u64);
        let (mechanism, mut drive) = open(&cartridge);
        mechanism.change(|behaviour| behaviour.early_warning = kind);
        assert_eq!(write_all(&mut drive, 2), [0, 0]);
        assert!(!drive.status().unwrap().near_end);
        assert_eq!(outcome(drive.write_record(&record(2))), expected[2], "{kind:?}");
        assert_eq!(drive.status().unwrap().near_end, kind != kinds[2]);
        let rest: Vec<_> = (3..10).map(|number| outcome(drive.write_record(&record(number)))).collect();
        assert_eq!(rest, expected[3..], "{kind:?}");
        assert_eq!(drive.address().unwrap(), 5);
        let written = (0..10).filter(|number| *number == 2 || expected[usize::from(*number)] == 0);
        assert_eq!(cartridge.files(), [written.map(record).collect::<Vec<_>>()], "{kind:?}");
    }
}

#[test]
fn in_the_zone_of_early_warning_a_filemark_fits_and_at_the_hard_end_it_fails() {
    let cartridge = Cartridge::new(5 * R as u64, 3 * R as u64);
    let (_, mut drive) = open(&cartridge);
    assert_eq!(write_all(&mut drive, 4), [0, 0, 0, ENOSPC]);
    drive.write_filemarks(1).unwrap();
    assert!(cartridge.is_closed());
    for (warning_bytes, before) in
        [(0, vec![0, 0, ENOSPC]), (1, vec![0, 0, ENOSPC]), (R as u64 + 1, vec![0, ENOSPC, 0, ENOSPC])]
    {
        let cartridge = Cartridge::new(2 * R as u64, warning_bytes);
        let (_, mut drive) = open(&cartridge);
        assert_eq!(write_all(&mut drive, before.len() as u8), before);
        assert_eq!(number(drive.write_filemarks(1)), EIO);
        assert_eq!(cartridge.recorded().len(), 2);
    }
}

#[test]
fn a_hard_end_takes_what_the_drive_held_in_its_buffer() {
    let cartridge = Cartridge::new(6 * R as u64, 0);
    let (mechanism, mut drive) = open(&cartridge);
    mechanism.change(|behaviour| (behaviour.buffered_records, behaviour.hard_end) = (2, EIO));
    assert_eq!(write_all(&mut drive, 3), [0; 3]);
    drive.write_filemarks(1).unwrap();
    assert_eq!(write_all(&mut drive, 4), [0, 0, 0, EIO]);
    assert_eq!(cartridge.files(), [records(0..3), records(0..1)]);
    assert_eq!(drive.address().unwrap(), 5);
    // What was lost leaves no room, for nobody, before something is cut off.
    assert_eq!(number(drive.write_filemarks(1)), EIO);
    drive.to_end_of_data().unwrap();
    assert_eq!([number(drive.write_record(&[1])), number(drive.write_filemarks(1))], [EIO; 2]);
    drive.rewind().unwrap();
    drive.space_files(1).unwrap();
    drive.write_record(&record(9)).unwrap();
    assert_eq!(cartridge.files(), [records(0..3), records(9..10)]);
}

#[test]
fn writes_and_filemarks_fail_where_a_test_says_so() {
    let cartridge = Cartridge::large();
    let (mechanism, mut drive) = open(&cartridge);
    mechanism.change(|behaviour| behaviour.write_error_at = Some(2));
    assert_eq!(write_all(&mut drive, 3), [0, 0, EIO]);
    assert_eq!(drive.status().unwrap().record, None);
    mechanism.change(|behaviour| {
        (behaviour.write_error_at, behaviour.filemark_error, behaviour.buffered_records) = (None, true, 1);
    });
    assert_eq!(write_all(&mut drive, 1), [0]);
    assert_eq!(number(drive.write_filemarks(1)), EIO);
    assert_eq!(cartridge.files(), [records(0..2)]);
    drive.write_filemarks(1).unwrap();
}

#[test]
fn unreadable_records_fail_as_often_as_said_and_pass_or_stay() {
    for (passes, expected) in [(true, [EIO, 2, 0]), (false, [EIO, 1, 2])] {
        let cartridge = Cartridge::with_files(&[records(1..3)]);
        cartridge.make_unreadable(0, Unreadable { failures: 1, passes });
        let (_, mut drive) = open(&cartridge);
        let met =
            |read: io::Result<Vec<u8>>| read.map_or(EIO, |record| record.first().map_or(0, |byte| i32::from(*byte)));
        let outcomes: Vec<_> = (0..3).map(|_| met(read(&mut drive))).collect();
        assert_eq!(outcomes, expected);
    }
    let cartridge = Cartridge::with_files(&[records(1..3)]);
    cartridge.make_unreadable(0, Unreadable::FOR_GOOD);
    let (_, mut drive) = open(&cartridge);
    for _ in 0..3 {
        assert_eq!(number(read(&mut drive)), EIO);
        assert_eq!(drive.status().unwrap().record, None);
        drive.space_records(-1).unwrap();
    }
}

#[test]
fn records_can_be_dropped_doubled_swapped_and_changed() {
    type Spoil = fn(&Cartridge);
    let spoil: [(Spoil, &[u8]); 5] = [
        (|cartridge| cartridge.drop_block(1), &[0, 2]),
        (|cartridge| cartridge.double_block(1), &[0, 1, 1, 2]),
        (|cartridge| cartridge.swap_blocks(0, 1), &[1, 0, 2]),
        (|cartridge| cartridge.change_record(2, |record| record.fill(7)), &[0, 1, 7]),
        (|cartridge| cartridge.cut(1), &[0]),
    ];
    for (spoil, expected) in spoil {
        let cartridge = Cartridge::with_files(&[records(0..3)]);
        spoil(&cartridge);
        let found: Vec<_> = cartridge.files()[0].iter().map(|record| record[0]).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn after_a_reset_everything_is_refused_until_it_is_told_where_to_go() {
    type Way = fn(&mut SimulatedDrive) -> io::Result<()>;
    let ways: [(Way, u32); 3] =
        [(|drive| drive.rewind(), 0), (|drive| drive.seek(2), 2), (|drive| drive.to_end_of_data(), 4)];
    for (go, address) in ways {
        let cartridge = Cartridge::with_files(&[records(0..3)]);
        let (mechanism, mut drive) = open(&cartridge);
        read(&mut drive).unwrap();
        mechanism.reset();
        assert_eq!([number(read(&mut drive)), number(drive.write_record(&record(9)))], [EIO; 2]);
        assert_eq!([number(drive.space_records(1)), number(drive.space_files(-1))], [EIO; 2]);
        assert_eq!([number(drive.address()), number(drive.status()), number(drive.write_filemarks(1))], [EIO; 3]);
        go(&mut drive).unwrap();
        assert_eq!(drive.address().unwrap(), address);
        assert_eq!(cartridge.files(), [records(0..3)]);
    }
}

#[test]
fn a_reset_loses_what_was_in_the_buffer() {
    let cartridge = Cartridge::large();
    let (mechanism, mut drive) = open(&cartridge);
    mechanism.change(|behaviour| behaviour.buffered_records = 2);
    assert_eq!(write_all(&mut drive, 5), [0; 5]);
    mechanism.reset();
    drop(drive);
    assert_eq!(cartridge.files(), [records(0..3)]);
}

#[test]
fn cartridges_are_protected_missing_and_changed() {
    let (one, two) = (Cartridge::with_files(&[records(0..1)]), Cartridge::with_files(&[records(5..6)]));
    one.protect(true);
    let (mechanism, mut drive) = open(&one);
    assert_eq!([number(drive.write_record(&record(1))), number(drive.write_filemarks(1))], [EACCES; 2]);
    assert!(drive.status().unwrap().write_protected);
    mechanism.lay_ready(&two);
    drive.unload().unwrap();
    assert_eq!([number(read(&mut drive)), number(drive.rewind())], [ENOMEDIUM; 2]);
    assert!(!drive.status().unwrap().online);
    drive.load().unwrap();
    assert_eq!(read(&mut drive).unwrap(), record(5));
    drive.unload().unwrap();
    drive.load().unwrap();
    assert_eq!(read(&mut drive).unwrap(), record(5));
    mechanism.insert(&one);
    assert_eq!(read(&mut drive).unwrap(), record(0));
    mechanism.eject().unwrap();
    assert_eq!(number(read(&mut drive)), ENOMEDIUM);
}

#[test]
fn a_device_does_only_what_it_was_opened_for_and_is_opened_once() {
    let mechanism = Mechanism::holding(&Cartridge::with_files(&[records(0..1)]));
    let mut drive = mechanism.open(Access::Read).unwrap();
    assert_eq!(number(mechanism.open(Access::Read)), EBUSY);
    assert_eq!([number(drive.write_record(&record(1))), number(drive.write_filemarks(1))], [EBADF; 2]);
    drop(drive);
    let mut drive = mechanism.open(Access::Write).unwrap();
    assert_eq!(number(read(&mut drive)), EBADF);
    drive.space_records(1).unwrap();
}

#[test]
fn records_beyond_the_limit_are_refused() {
    let (mechanism, mut drive) = open(&Cartridge::large());
    mechanism.change(|behaviour| behaviour.largest_record_bytes = R);
    drive.write_record(&record(1)).unwrap();
    assert_eq!([number(drive.write_record(&[0; R + 1])), number(drive.read_record(&mut [0; R + 1]))], [EINVAL; 2]);
}

#[test]
fn simulated_time_goes_by_as_the_drive_works() {
    let pace = Pace { fastest: 4e4, slowest: 2e4, buffer_bytes: 1e2, hitch_seconds: 0.001, positioning_seconds: 60.0 };
    let (mechanism, mut drive) = open(&Cartridge::large());
    mechanism.change(|behaviour| behaviour.pace = Some(pace));
    for _ in 0..1000 {
        mechanism.pass_seconds(0.001);
        drive.write_record(&record(1)).unwrap();
    }
    assert!((45..=60).contains(&mechanism.back_hitches()), "{}", mechanism.back_hitches());
    let before = mechanism.seconds();
    drive.rewind().unwrap();
    assert!((mechanism.seconds() - before - 60.0).abs() < 1.5);
}

#[test]
fn a_drive_tells_what_it_does_with_the_bytes() {
    let (mechanism, mut drive) = open(&Cartridge::large());
    assert_eq!(drive.transforms(), DriveTransforms::default());
    let transforms = DriveTransforms { compression: Some(true), encryption: Some("key 7".to_owned()) };
    mechanism.change(|behaviour| behaviour.transforms = transforms.clone());
    assert_eq!(drive.transforms(), transforms);
}
