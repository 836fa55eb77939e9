//! The contract of a tape drive, which the simulated one and those behind Linux' `st` hold to alike.
//!
//! `BLOCKTAR_TEST_DRIVE` names a drive with a cartridge that may be overwritten, and `BLOCKTAR_TEST_DRIVE_KEEPS` how many bytes of each record an emulated
//! one keeps. `tests/vm/tape.sh` runs this on several; without the variable only the simulated drive is looked at.

use std::path::Path;

use blocktar::drive::Drive;
use blocktar::media::tape;
use blocktar::media::tape::simulated::{self, Cartridge, Mechanism};

/// Numbers of Linux' errors.
const EIO: i32 = 5;
const ENOMEM: i32 = 12;

const SMALL: usize = 4096;
const LARGE: usize = 64 * 1024;

/// A drive, and how many bytes of each record come back.
struct Tested {
    drive: Box<dyn Drive>,
    kept_bytes: usize,
}

impl Tested {
    #[track_caller]
    fn write(&mut self, number: u8, length: usize) {
        self.drive.write_record(&vec![number; length]).unwrap();
    }

    /// Reads a record and checks it.
    #[track_caller]
    fn expect(&mut self, number: u8, length: usize) {
        let mut buffer = vec![0; LARGE];
        assert_eq!(self.drive.read_record(&mut buffer).unwrap(), length, "length of record {number}");
        let kept = &buffer[..length.min(self.kept_bytes)];
        assert!(kept.iter().all(|&byte| byte == number), "record {number} holds {:?}", &kept[..4]);
    }

    #[track_caller]
    fn expect_filemark(&mut self) {
        assert_eq!(self.drive.read_record(&mut vec![0; LARGE]).unwrap(), 0);
    }

    /// The same where it went back over the filemark: tgtd's drives go back over the record before it too.
    #[track_caller]
    fn expect_filemark_behind(&mut self, number: u8, length: usize) {
        let mut buffer = vec![0; LARGE];
        match self.drive.read_record(&mut buffer).unwrap() {
            0 => {}
            read => {
                assert_eq!((read, buffer[0]), (length, number));
                self.expect_filemark();
            }
        }
    }

    /// Three tape files, of the records 1 to 3, 4 and 5, 6 and 7; it stands behind them.
    fn write_three_files(&mut self) {
        self.drive.rewind().unwrap();
        for (number, length) in [(1, SMALL), (2, LARGE), (3, SMALL)] {
            self.write(number, length);
        }
        self.drive.write_filemarks(1).unwrap();
        self.write(4, LARGE);
        self.write(5, LARGE);
        self.drive.write_filemarks(1).unwrap();
        self.write(6, SMALL);
        self.write(7, SMALL);
        self.drive.write_filemarks(1).unwrap();
    }

    fn reads_what_was_written(&mut self) {
        self.write_three_files();
        self.drive.rewind().unwrap();
        let status = self.drive.status().unwrap();
        assert!(status.online && status.at_beginning && !status.write_protected, "{status:?}");
        assert_eq!((status.block_bytes, status.file, status.record), (0, Some(0), Some(0)));
        for (number, length) in [(1, SMALL), (2, LARGE), (3, SMALL)] {
            self.expect(number, length);
        }
        self.expect_filemark();
        let status = self.drive.status().unwrap();
        assert!(status.behind_filemark && !status.at_beginning, "{status:?}");
        assert_eq!((status.file, status.record), (Some(1), Some(0)));
        self.expect(4, LARGE);
        assert_eq!(self.drive.status().unwrap().record, Some(1));
    }

    fn passes_a_record_that_is_too_long(&mut self) {
        self.write_three_files();
        self.drive.rewind().unwrap();
        self.expect(1, SMALL);
        let error = self.drive.read_record(&mut vec![0; SMALL]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ENOMEM));
        self.expect(3, SMALL);
        self.drive.space_records(-2).unwrap();
        self.expect(2, LARGE);
    }

    fn goes_over_files_and_records(&mut self) {
        self.write_three_files();
        self.drive.rewind().unwrap();
        self.drive.space_files(1).unwrap();
        self.expect(4, LARGE);
        self.drive.space_files(1).unwrap();
        self.expect(6, SMALL);
        // Not before a filemark, which tgtd would count.
        self.drive.space_files(-2).unwrap();
        self.expect_filemark_behind(3, SMALL);
        self.expect(4, LARGE);
        self.drive.space_records(1).unwrap();
        self.expect_filemark();
        self.drive.rewind().unwrap();
        self.drive.space_records(2).unwrap();
        self.expect(3, SMALL);
        self.drive.space_records(-1).unwrap();
        self.expect(3, SMALL);
        self.drive.rewind().unwrap();
        self.drive.space_files(3).unwrap();
        assert!(self.drive.space_files(1).is_err(), "there is no fourth filemark");
    }

    fn appends_at_the_end_of_data(&mut self) {
        self.write_three_files();
        self.drive.rewind().unwrap();
        self.drive.to_end_of_data().unwrap();
        assert!(self.drive.status().unwrap().at_end_of_data);
        self.write(8, SMALL);
        self.drive.write_filemarks(1).unwrap();
        self.drive.rewind().unwrap();
        self.drive.space_files(2).unwrap();
        self.expect(6, SMALL);
        self.expect(7, SMALL);
        self.expect_filemark();
        self.expect(8, SMALL);
        self.expect_filemark();
    }

    fn cuts_off_what_is_behind_a_write(&mut self) {
        self.write_three_files();
        self.drive.rewind().unwrap();
        self.expect(1, SMALL);
        self.write(9, SMALL);
        self.drive.write_filemarks(1).unwrap();
        self.drive.rewind().unwrap();
        self.drive.space_files(1).unwrap();
        assert!(self.drive.space_files(1).is_err(), "the other tape files are gone");
        self.drive.rewind().unwrap();
        self.expect(1, SMALL);
        self.expect(9, SMALL);
        self.expect_filemark();
    }

    /// Where the drive has addresses, a filemark has one too.
    fn goes_to_addresses(&mut self) {
        self.write_three_files();
        let Ok(end) = self.drive.address() else {
            let error = self.drive.address().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(EIO));
            return;
        };
        assert_eq!(end, 10);
        for (address, number, length) in [(1, 2, LARGE), (4, 4, LARGE), (7, 6, SMALL), (0, 1, SMALL)] {
            self.drive.seek(address).unwrap();
            assert_eq!(self.drive.address().unwrap(), address);
            self.expect(number, length);
            assert_eq!(self.drive.address().unwrap(), address + 1);
        }
        assert!(self.drive.seek(end + 10).is_err());
    }

    fn holds_to_the_contract(mut self) {
        self.reads_what_was_written();
        self.passes_a_record_that_is_too_long();
        self.goes_over_files_and_records();
        self.appends_at_the_end_of_data();
        self.cuts_off_what_is_behind_a_write();
        self.goes_to_addresses();
    }
}

#[test]
fn the_simulated_drive() {
    let drive = Mechanism::holding(&Cartridge::large()).open(simulated::Access::Both).unwrap();
    Tested { drive: Box::new(drive), kept_bytes: usize::MAX }.holds_to_the_contract();
}

#[test]
fn the_drive_of_the_environment() {
    let Some(name) = std::env::var_os("BLOCKTAR_TEST_DRIVE") else { return };
    let kept_bytes = std::env::var("BLOCKTAR_TEST_DRIVE_KEEPS").map_or(usize::MAX, |bytes| bytes.parse().unwrap());
    let drive = tape::open(Path::new(&name), tape::Access::Both).unwrap();
    Tested { drive: Box::new(drive), kept_bytes }.holds_to_the_contract();
}
