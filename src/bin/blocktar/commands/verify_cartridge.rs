//! `verify` of a tape drive: the whole cartridge in one pass.

use std::path::Path;
use std::time::Instant;

use blocktar::cartridge::{self, Ahead, Content, TapeFile};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media::tape::{self, Access, TapeInput};
use blocktar::verify::Report;
use serde_json::{Value, json};

use super::{thread_count, verify};
use crate::arguments::VerifyArguments;
use crate::cartridge_text::{file_code, file_value};
use crate::exit_code::ExitCode;
use crate::signals::Stop;
use crate::summary::count;
use crate::talk::{self, Talk};
use crate::{answer, failure, summary};

/// What was found so far.
struct Found {
    code: ExitCode,
    archives: u64,
    faulty: u64,
    others: u64,
    /// Else each finding is printed at once: a cartridge takes hours.
    as_json: bool,
    files: Vec<Value>,
}

/// Verifies everything on the cartridge in a drive.
pub fn run(device: &Path, arguments: &VerifyArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut drive = LentDrive::new(Box::new(tape::open(device, Access::Read)?));
    let name = drive.name().to_owned();
    let progress = arguments.report.progress;
    let mut found = Found::new(arguments.report.json);
    let read = |drive: &LentDrive| {
        let input = Box::new(TapeInput::new(Box::new(drive.clone())));
        verify::read_through(input, thread_count(arguments.threads), progress, talk, stop)
    };
    pass(&mut drive, &mut found, talk, read)?;
    let (archives, others) = (count(found.archives, "archive"), count(found.others, "other tape file"));
    let text = format!("{name}: {archives}, {} with faults, and {others}", found.faulty);
    if arguments.report.json {
        let details = json!({"device": name, "files": found.files});
        answer::print_json(&summary::for_programs("verify", found.code, begun, details))?;
    } else {
        answer::print(format!("{text}\n").as_bytes())?;
    }
    Ok(found.code)
}

/// Goes through the cartridge once, and reads each archive with `read`.
fn pass(
    drive: &mut LentDrive,
    found: &mut Found,
    talk: Talk,
    mut read: impl FnMut(&LentDrive) -> Result<Report>,
) -> Result<()> {
    cartridge::begin_pass(drive)?;
    for number in 0.. {
        match cartridge::look_ahead(drive, number)? {
            Ahead::End => break,
            Ahead::Passed(file) => found.passed(drive.name(), &file)?,
            Ahead::Archive => {
                let begun = Instant::now();
                let tape_file = drive.tape_file();
                let outcome = read(drive);
                let location = format!("{}, file {number}", drive.name());
                found.read(&location, outcome, talk, begun)?;
                // Where a fault ended the reading, the rest of the tape file is left.
                if !drive.is_behind(tape_file) && !cartridge::pass_file(drive)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

impl Found {
    fn new(as_json: bool) -> Self {
        Self { code: ExitCode::Done, archives: 0, faulty: 0, others: 0, as_json, files: Vec::new() }
    }

    fn passed(&mut self, device: &str, file: &TapeFile) -> Result<()> {
        // A second filemark at the end of data is nobody's.
        if matches!(file.content, Content::Nothing) {
            return Ok(());
        }
        self.code = self.code.worse(file_code(file));
        match file.archive() {
            Some(_) => (self.archives, self.faulty) = (self.archives + 1, self.faulty + 1),
            None => self.others += 1,
        }
        self.files.push(file_value(file));
        let number = file.number.map(|number| format!(", file {number}")).unwrap_or_default();
        self.print(&format!("{device}{number}: {}\n", summary::printable(&what(file))))
    }

    fn read(&mut self, location: &str, outcome: Result<Report>, talk: Talk, begun: Instant) -> Result<()> {
        self.archives += 1;
        let report = match outcome {
            Ok(report) => report,
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            Err(error) => {
                self.faulty += 1;
                self.code = self.code.worse(ExitCode::from(&error));
                talk::report(&error);
                self.files.push(json!({"kind": "archive", "archive": location, "error": failure::value(&error)}));
                return Ok(());
            }
        };
        self.faulty += u64::from(!report.is_sound());
        self.code = self.code.worse(verify::outcome(&report));
        self.files.push(summary::joined([json!({"kind": "archive"}), verify::report_value(location, &report)]));
        self.print(&verify::report_text(location, &report, talk, begun))
    }

    fn print(&self, text: &str) -> Result<()> {
        if self.as_json { Ok(()) } else { answer::print(text.as_bytes()) }
    }
}

/// What a tape file is that holds no archive with a head.
fn what(file: &TapeFile) -> String {
    match &file.content {
        Content::Archive(entry) => format!("{}: {}", file.content.describe(), crate::entry::state_text(&entry.state)),
        content => content.describe(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::archive::Label;
    use blocktar::media::tape::simulated::{Cartridge, Mechanism};
    use blocktar::progress::Progress;

    const WHOLE: &[u8] = include_bytes!("../../../../format-spec/vectors/full_plain.tar");

    fn records(archive: &[u8]) -> Vec<Vec<u8>> {
        archive.chunks(1024).map(<[u8]>::to_vec).collect()
    }

    /// Counts of archives, faulty ones and others, the exit code, and how often the tape was sent elsewhere.
    fn verified(files: &[Vec<Vec<u8>>], addresses: bool) -> (u64, u64, u64, ExitCode, u64) {
        let mechanism = Mechanism::holding(&Cartridge::with_files(files));
        mechanism.change(|behaviour| behaviour.addresses = addresses);
        let drive = mechanism.open(blocktar::media::tape::simulated::Access::Read).unwrap();
        let mut drive = LentDrive::new(Box::new(drive));
        let mut found = Found::new(true);
        let read = |drive: &LentDrive| {
            let input = Box::new(TapeInput::new(Box::new(drive.clone())));
            blocktar::verify::verify(input, 1, &Progress::default())
        };
        pass(&mut drive, &mut found, Talk::Quiet, read).unwrap();
        (found.archives, found.faulty, found.others, found.code, mechanism.positionings())
    }

    #[test]
    fn every_archive_of_a_cartridge_is_verified_in_one_pass() {
        let label = vec![Label::new("WEEK-07", 4096).unwrap().archive()];
        let whole = records(WHOLE);
        for addresses in [true, false] {
            let (archives, faulty, others, code, positionings) =
                verified(&[label.clone(), whole.clone(), whole.clone(), vec![vec![7; 600]]], addresses);
            assert_eq!((archives, faulty, others, code), (2, 0, 2, ExitCode::Done), "{addresses}");
            assert!(positionings <= 6, "only back over the first record: {positionings}");
        }
    }

    #[test]
    fn a_fault_in_one_archive_hides_none_behind_it() {
        let whole = records(WHOLE);
        let (mut beheaded, mut spoilt, mut cut) = (whole.clone(), whole.clone(), whole.clone());
        beheaded[0].fill(7);
        let middle = spoilt.len() / 2;
        spoilt[middle].fill(7);
        cut.truncate(3);
        for addresses in [true, false] {
            for (broken, expected) in
                [(&beheaded, ExitCode::Damaged), (&spoilt, ExitCode::Damaged), (&cut, ExitCode::Incomplete)]
            {
                let files = [broken.clone(), whole.clone(), broken.clone(), whole.clone(), broken.clone()];
                let (archives, faulty, others, code, _) = verified(&files, addresses);
                assert_eq!((archives, faulty, others, code), (5, 3, 0, expected), "{addresses}");
            }
        }
    }
}
