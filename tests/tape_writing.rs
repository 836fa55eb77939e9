//! Archives onto simulated drives: records of one size, early warning in both manners, hard ends, further cartridges.

mod archives;
#[path = "support/chance.rs"]
mod chance;
mod spanning;

use std::path::Path;
use std::sync::Arc;

use archives::{class, scan, small};
use blocktar::backup::{BackupRequest, BackupSummary, backup};
use blocktar::drive::{Drive, Place, Placed};
use blocktar::error::{Error, Result};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, EarlyWarning, Mechanism, SimulatedDrive};
use blocktar::media::tape::{AsItStands, TapeOutput, TapeOutputOptions};
use blocktar::progress::Progress;
use chance::Chance;
use spanning::{members, put_together};

const RECORD: usize = 16 << 10;

/// Writes onto the drive as a redirection does, in records of this size if there is one; further cartridges lie ready in the drive's magazine.
fn back_up_to(mechanism: &Mechanism, image: &[u8], record: Option<usize>, overwrite: bool) -> Result<BackupSummary> {
    back_up_by(mechanism.open(Access::Write).unwrap(), image, record, overwrite)
}

fn back_up_by(drive: SimulatedDrive, image: &[u8], record: Option<usize>, overwrite: bool) -> Result<BackupSummary> {
    let options = TapeOutputOptions {
        record_bytes: record.map(|bytes| bytes as u64),
        place: Box::new(AsItStands { overwrite }),
        next_medium: NextMedium::new(Some("true".to_owned()), &Arc::default()),
        open: Box::new(|_| panic!("nobody named another drive")),
    };
    let mut output = TapeOutput::begin(Box::new(drive), options)?;
    let request = BackupRequest { record_bytes: 512, ..small() };
    backup(&mut scan(image), &mut output, &request, &Progress::default())
}

/// The tape file of this number, all records of which must have the same size.
fn tape_file(cartridge: &Cartridge, number: usize, record: usize) -> Vec<u8> {
    let file = &cartridge.files()[number];
    assert!(file.iter().all(|found| found.len() == record), "a record is not full");
    file.concat()
}

fn without_addresses() -> Behaviour {
    Behaviour { addresses: false, ..Behaviour::default() }
}

#[test]
fn an_archive_is_one_tape_file_of_full_records_behind_what_is_there() {
    let image = Chance::from_seed(3).bytes(700_001);
    let cartridge = Cartridge::large();
    for behaviour in [Behaviour::default(), without_addresses()] {
        let mechanism = Mechanism::new(behaviour);
        mechanism.insert(&cartridge);
        mechanism.set_block_bytes(0);
        for _ in 0..2 {
            back_up_to(&mechanism, &image, None, true).unwrap();
        }
        assert_eq!(cartridge.files().len(), 2);
        assert!(cartridge.is_closed());
        for number in 0..2 {
            let archive = tape_file(&cartridge, number, 512 << 10);
            assert!(put_together(std::slice::from_ref(&archive), image.len()) == image);
            let info: serde_json::Value = serde_json::from_slice(&members(&archive)[0].stored).unwrap();
            assert_eq!((&info["record_size"], &info["medium"]["file"]), (&(512 << 10).into(), &number.into()));
        }
    }
}

#[test]
fn recorded_data_is_cut_off_only_where_that_was_asked_for() {
    let cartridge = Cartridge::with_files(&[vec![vec![1; 512]], vec![vec![2; 512]]]);
    let mechanism = Mechanism::holding(&cartridge);
    let error = back_up_to(&mechanism, &[7; 9000], None, false).unwrap_err();
    assert_eq!(class(&error), "refused");
    assert!(error.to_string().contains("cut off") && error.remedy().unwrap().contains("--overwrite"), "{error}");
    assert_eq!(cartridge.files().len(), 2);
    back_up_to(&mechanism, &[7; 9000], None, true).unwrap();
    assert_eq!(cartridge.files().len(), 1);
}

#[test]
fn a_host_that_takes_no_512_kib_gets_256() {
    let image = Chance::from_seed(3).bytes(1_500_001);
    for attached in [false, true] {
        let cartridge = Cartridge::large();
        let mechanism = Mechanism::new(Behaviour { largest_record_bytes: 256 << 10, ..Behaviour::default() });
        mechanism.insert(&cartridge);
        let options = TapeOutputOptions {
            record_bytes: None,
            place: Box::new(AsItStands { overwrite: false }),
            next_medium: NextMedium::default(),
            open: Box::new(|_| panic!("nobody named another drive")),
        };
        let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Write).unwrap()), options).unwrap();
        let files = if attached { vec![("note".to_owned(), vec![9; 700_000])] } else { Vec::new() };
        let request = BackupRequest { attached: files, ..small() };
        let summary = backup(&mut scan(&image), &mut output, &request, &Progress::default()).unwrap();
        drop(output);
        let archive = tape_file(&cartridge, 0, 256 << 10);
        assert_eq!(summary.written.end.backup_info.record_size, 256 << 10);
        assert!(put_together(std::slice::from_ref(&archive), image.len()) == image);
        let names: Vec<_> = members(&archive).into_iter().map(|member| member.path).collect();
        assert_eq!(names.contains(&"attached/note".to_owned()), attached);
        assert_eq!(names.iter().filter(|name| *name == "backup-info.json").count(), 1);
    }
    // Who wants a certain size gets it or nothing.
    let mechanism = Mechanism::new(Behaviour { largest_record_bytes: 256 << 10, ..Behaviour::default() });
    mechanism.insert(&Cartridge::large());
    let error = back_up_to(&mechanism, &image, Some(512 << 10), false).unwrap_err();
    assert!(error.to_string().contains("a record of this size"), "{error}");
}

#[test]
fn a_failed_backup_is_closed_so_that_others_find_their_place_behind_it() {
    let cartridge = Cartridge::large();
    let mechanism = Mechanism::new(Behaviour { write_error_at: Some(7), ..Behaviour::default() });
    mechanism.insert(&cartridge);
    let error = back_up_to(&mechanism, &Chance::from_seed(1).bytes(900_000), Some(RECORD), false).unwrap_err();
    assert_eq!(class(&error), "io");
    assert!(cartridge.is_closed());
    let broken = tape_file(&cartridge, 0, RECORD);
    assert!(members(&broken).iter().all(|member| member.path != "end.json"));
}

#[test]
fn a_deferred_error_comes_out_with_the_filemark() {
    let mechanism = Mechanism::new(Behaviour { filemark_error: true, buffered_records: 3, ..Behaviour::default() });
    mechanism.insert(&Cartridge::large());
    let error = back_up_to(&mechanism, &[7; 900_000], Some(RECORD), false).unwrap_err();
    assert_eq!(class(&error), "io");
    assert!(error.to_string().contains("filemark"), "{error}");
}

#[test]
fn a_drive_that_loses_more_than_it_may_hold_is_a_failure() {
    let image: Vec<u8> = (0..60u32 << 20).map(|place| (place / 4096 % 251) as u8 + 1).collect();
    let behaviour = Behaviour { buffered_records: 80, ..Behaviour::default() };
    let mechanism = Mechanism::new(behaviour);
    mechanism.insert(&Cartridge::new(50 << 20, 0));
    mechanism.lay_ready(&Cartridge::large());
    let error = back_up_to(&mechanism, &image, None, false).unwrap_err();
    assert!(class(&error) == "io" && error.to_string().contains("drive lost"), "{error}");
    assert!(error.remedy().is_some());
}

#[test]
fn wrong_cartridges_are_asked_for_anew_but_not_for_ever() {
    let image = Chance::from_seed(4).bytes(900_000);
    let full = Cartridge::with_files(&[vec![vec![1; 512]]]);
    let protected = Cartridge::large();
    protected.protect(true);
    for (wrong, succeeds) in [(2, true), (9, false)] {
        let (first, last) = (Cartridge::new(600_000, 100_000), Cartridge::large());
        let mechanism = Mechanism::holding(&first);
        (0..wrong).for_each(|number| mechanism.lay_ready(if number % 2 == 0 { &full } else { &protected }));
        mechanism.lay_ready(&last);
        let outcome = back_up_to(&mechanism, &image, Some(RECORD), false);
        assert_eq!(full.files(), [[[1; 512]]]);
        match outcome {
            Ok(_) => {
                assert!(succeeds);
                let parts = [tape_file(&first, 0, RECORD), tape_file(&last, 0, RECORD)];
                assert!(put_together(&parts, image.len()) == image);
            }
            Err(error) => {
                assert!(!succeeds && class(&error) == "refused", "{error}");
                assert!(error.to_string().contains("cartridges would not do"), "{error}");
            }
        }
    }
}

/// The same full cartridge again and again, or one after the other on which not one member fits, must not keep a backup going for ever.
#[test]
fn cartridges_that_take_nothing_more_end_a_backup() {
    let image = Chance::from_seed(6).bytes(1_500_000);
    for number in 0..48 {
        let (small, access) = (number % 2 == 0, [Access::Write, Access::Both][number / 2 % 2]);
        let (addresses, overwrite) = (number / 4 % 2 == 0, number / 8 % 2 == 0);
        let mechanism =
            Mechanism::new(Behaviour { addresses, early_warning: MANNERS[number / 16], ..Behaviour::default() });
        // On the small ones nothing fits behind the head; on the other something does.
        let bytes = if small { 3 * RECORD as u64 } else { 600_000 };
        mechanism.insert(&Cartridge::new(bytes, 2 * RECORD as u64));
        (0..if small { 50 } else { 0 }).for_each(|_| mechanism.lay_ready(&Cartridge::new(bytes, 2 * RECORD as u64)));
        let error = back_up_by(mechanism.open(access).unwrap(), &image, Some(RECORD), overwrite).unwrap_err();
        let why = if small { "no room for" } else { "cartridges would not do" };
        assert!(class(&error) == "refused" && error.to_string().contains(why), "{number}: {error}");
        assert!(error.remedy().is_some());
    }
}

const MANNERS: [EarlyWarning; 3] =
    [EarlyWarning::Documented, EarlyWarning::RecordedYetRefused, EarlyWarning::RecordedYetRefusedOnce];

/// Without addresses nobody can tell whether a record that was refused is on the tape: only the driver's own refusal is certain, which its state announces.
#[test]
fn a_refusal_that_nothing_announced_ends_the_part_on_a_drive_without_addresses() {
    let image = Chance::from_seed(7).bytes(900_000);
    for (early_warning, closes) in MANNERS.into_iter().zip([true, false, false]) {
        let (first, second) = (Cartridge::new(600_000, 100_000), Cartridge::large());
        let mechanism = Mechanism::new(Behaviour { early_warning, ..without_addresses() });
        mechanism.insert(&first);
        mechanism.lay_ready(&second);
        let summary = back_up_to(&mechanism, &image, Some(RECORD), false).unwrap();
        let closed: Vec<_> = summary.written.parts.iter().map(|part| part.closed).collect();
        assert_eq!(closed, [closes, true], "{early_warning:?}");
        assert!(put_together(&[tape_file(&first, 0, RECORD), tape_file(&second, 0, RECORD)], image.len()) == image);
        assert!(first.is_closed() && second.is_closed());
    }
}

#[test]
fn a_filemark_that_fails_behind_the_warning_is_the_end_of_the_cartridge() {
    let image = Chance::from_seed(7).bytes(900_000);
    let (first, second) = (Cartridge::new(600_000, 100_000), Cartridge::large());
    let mechanism = Mechanism::new(Behaviour { filemark_error: true, buffered_records: 3, ..Behaviour::default() });
    mechanism.insert(&first);
    mechanism.lay_ready(&second);
    let summary = back_up_to(&mechanism, &image, Some(RECORD), false).unwrap();
    assert_eq!(summary.written.parts.len(), 2);
    assert!(put_together(&[tape_file(&first, 0, RECORD), tape_file(&second, 0, RECORD)], image.len()) == image);
}

/// Cartridges of any size, early warning in any manner or none, drives with a buffer that is lost, with addresses and without, that may be read and not.
#[test]
fn whatever_the_cartridges_are_like_they_hold_every_byte() {
    let mut chance = Chance::new();
    let mut written = 0;
    for round in 0..120 {
        let length = 1 + chance.below(900_000) as usize;
        let image = chance.bytes(length);
        let behaviour = Behaviour {
            early_warning: MANNERS[round % 3],
            addresses: round % 4 > 1,
            hard_end: [blocktar::sys::errno::ENOSPC, blocktar::sys::errno::EIO][chance.below(2) as usize],
            buffered_records: chance.below(8) as usize,
            ..Behaviour::default()
        };
        let mechanism = Mechanism::new(behaviour.clone());
        let cartridges: Vec<_> = (0..20)
            .map(|_| {
                let warning = if chance.below(3) == 0 { 1 } else { RECORD as u64 + chance.below(200_000) };
                Cartridge::new(300_000 + chance.below(500_000), warning)
            })
            .collect();
        mechanism.insert(&cartridges[0]);
        cartridges[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
        let access = if round % 8 < 4 { Access::Write } else { Access::Both };
        let outcome = back_up_by(mechanism.open(access).unwrap(), &image, Some(RECORD), false);
        let used: Vec<_> = cartridges.iter().filter(|cartridge| !cartridge.files().is_empty()).collect();
        let parts: Vec<_> = used.iter().map(|cartridge| tape_file(cartridge, 0, RECORD)).collect();
        match outcome {
            Ok(_) => {
                assert!(put_together(&parts, image.len()) == image, "{behaviour:?}");
                written += 1;
            }
            // A hard end that says EIO without a warning before it is a failure of the drive, for all that can be known.
            Err(error) => {
                assert!(["io", "refused"].contains(&class(&error)), "{behaviour:?}: {error}");
                // These drives tell the truth of their addresses: whoever counts otherwise did not ask.
                assert!(!error.to_string().contains("the drive counts"), "{behaviour:?}: {error}");
            }
        }
    }
    assert!(written > 60, "only {written} came to their end");
}

#[test]
fn another_drive_can_be_named() {
    let image = Chance::from_seed(4).bytes(900_000);
    let (first, second) = (Cartridge::new(600_000, 100_000), Cartridge::large());
    let (one, other) = (Mechanism::holding(&first), Mechanism::holding(&second));
    let options = TapeOutputOptions {
        record_bytes: Some(RECORD as u64),
        place: Box::new(AsItStands { overwrite: false }),
        next_medium: NextMedium::new(Some("echo /dev/nst1".to_owned()), &Arc::default()),
        open: Box::new(move |path| {
            assert_eq!(path, Path::new("/dev/nst1"));
            Ok(Box::new(other.open(Access::Both).unwrap()))
        }),
    };
    let mut output = TapeOutput::begin(Box::new(one.open(Access::Both).unwrap()), options).unwrap();
    let summary = backup(&mut scan(&image), &mut output, &small(), &Progress::default()).unwrap();
    assert_eq!(summary.written.parts.len(), 2);
    assert!(put_together(&[tape_file(&first, 0, RECORD), tape_file(&second, 0, RECORD)], image.len()) == image);
}

/// Fails so often where a further cartridge is looked at, as with one that cannot be read or a drive that answers nothing.
struct FailingPlace(u32);

impl Place for FailingPlace {
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        AsItStands { overwrite: false }.first(drive)
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        if self.0 > 0 {
            self.0 -= 1;
            return Err(Error::io("rewinding", drive.name(), std::io::Error::from_raw_os_error(5)));
        }
        AsItStands { overwrite: false }.next(drive)
    }
}

/// The command names what is not there, then the very drive that is open; and the drive fails on the first cartridges.
#[test]
fn a_slip_and_a_cartridge_on_which_the_drive_fails_do_not_end_a_backup() {
    let image = Chance::from_seed(4).bytes(900_000);
    for (failing, succeeds) in [(2, true), (9, false)] {
        let (first, second) = (Cartridge::new(600_000, 100_000), Cartridge::large());
        let mechanism = Mechanism::holding(&first);
        (0..2).for_each(|_| mechanism.lay_ready(&Cartridge::large()));
        mechanism.lay_ready(&second);
        let command = "[ $BLOCKTAR_REASON = next ] && echo /dev/nst7 || echo /dev/nst9";
        let options = TapeOutputOptions {
            record_bytes: Some(RECORD as u64),
            place: Box::new(FailingPlace(failing)),
            next_medium: NextMedium::new(Some(command.to_owned()), &Arc::default()),
            open: Box::new(|path| {
                assert_eq!(path, Path::new("/dev/nst7"));
                Err(Error::io("opening", "/dev/nst7", std::io::Error::from_raw_os_error(2)))
            }),
        };
        let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Both).unwrap()), options).unwrap();
        let outcome = backup(&mut scan(&image), &mut output, &small(), &Progress::default());
        match outcome {
            Ok(_) => {
                assert!(succeeds);
                let parts = [tape_file(&first, 0, RECORD), tape_file(&second, 0, RECORD)];
                assert!(put_together(&parts, image.len()) == image);
            }
            Err(error) => {
                assert!(!succeeds && error.to_string().contains("would not do, the last as rewinding"), "{error}")
            }
        }
    }
}
