//! `--verify`: reads again what a command has just written, in one file, in several, or on tape.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blocktar::archive::{Inputs, WrittenArchive, WrittenPart};
use blocktar::cartridge::{self, Selector};
use blocktar::drive::{Drive as _, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::media::further_media::{Further, FurtherMedia, TapeReading};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::tape::{self, Access};
use blocktar::progress::Progress;
use blocktar::stream::{Input, MediumReason, NextInput, WantedPart};

use super::parts;
use crate::tape_device;

/// Opens the archive that was written to this path; whoever brought the media to write on brings them again.
pub fn open(
    path: &Path,
    archive: &WrittenArchive,
    next_medium: Option<&String>,
    progress: &Arc<Progress>,
) -> Result<Inputs> {
    if tape_device::is_drive(path) {
        let drive = LentDrive::new(Box::new(tape::open(path, Access::Read)?));
        return on_tape(
            drive,
            archive,
            parts::further(NextMedium::new(next_medium.cloned(), progress), TapeReading::Forward),
        );
    }
    // Each part says where it went: a command may have named other files, and also a single part has a number.
    let named = path.display().to_string();
    let went = |part: &WrittenPart| if part.output == named { path.to_owned() } else { PathBuf::from(&part.output) };
    let files: Vec<_> = archive.parts.iter().map(went).collect();
    Inputs::all(files.iter().map(|file| media::open_input(Some(file))).collect::<Result<_>>()?)
}

/// An archive on the cartridge that is still in the drive; of several the first is asked for again.
fn on_tape(mut drive: LentDrive, archive: &WrittenArchive, further: Further) -> Result<Inputs> {
    let (id, name) = (archive.end.backup_info.id.clone(), drive.name().to_owned());
    if let [only] = &archive.parts[..] {
        let file = only.medium.as_ref().and_then(|medium| medium.file?.try_into().ok());
        cartridge::select(&mut drive, &file.map_or(Selector::Id(id), Selector::File))?;
        return Ok(further.reading.input(drive)?.into());
    }
    let mut media = FurtherMedia::new(Some(drive), name.clone(), further);
    let first: Option<Box<dyn Input>> =
        media.next_input(&WantedPart { id: id.clone(), number: 1, reason: MediumReason::Next })?;
    let first = first.ok_or_else(|| {
        let why =
            format!("it lies on {} cartridges, and there is nobody who brings the first again", archive.parts.len());
        let remedy =
            format!("it is written; insert the first, and `blocktar verify {name} --id {id} --next-medium COMMAND`");
        Error::refused(format!("verify what was written to {name}"), why, Some(remedy))
    })?;
    Ok(Inputs::from(first).with_next(Box::new(media)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};
    use blocktar::stream::Medium;
    use blocktar::verify::verify;

    const WHOLE: &[u8] = include_bytes!("../../../../format-spec/vectors/full_plain.tar");

    /// An archive that was written as the second tape file of a cartridge, behind which the drive stands.
    fn written(file: Option<u64>) -> WrittenArchive {
        let end = blocktar::catalog::end_in("it", WHOLE).unwrap();
        let part = WrittenPart {
            number: 1,
            output: "/dev/nst9".to_owned(),
            medium: Some(Medium { file, ..Medium::default() }),
            bytes: WHOLE.len() as u64,
            from: 0,
            to: end.to,
            closed: true,
        };
        WrittenArchive { whole: end.clone(), end, bytes: part.bytes, parts: vec![part] }
    }

    #[test]
    fn what_lies_on_the_cartridge_is_found_there_and_read() {
        for spoilt in [false, true] {
            for file in [Some(1), None] {
                let mut records: Vec<_> = WHOLE.chunks(1024).map(<[u8]>::to_vec).collect();
                let middle = records.len() / 2;
                records[middle][0] ^= u8::from(spoilt);
                let mechanism = Mechanism::holding(&Cartridge::with_files(&[vec![vec![7; 600]], records]));
                let mut drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
                drive.to_end_of_data().unwrap();
                let further =
                    parts::further(NextMedium::new(Some("false".to_owned()), &Arc::default()), TapeReading::Forward);
                let inputs = on_tape(drive, &written(file), further).unwrap();
                let report = verify(inputs, 1, &Progress::default()).unwrap();
                assert_eq!(report.is_sound(), !spoilt, "{file:?}: {:?}", report.faults);
                assert!(report.checked_bytes > 0);
            }
        }
    }

    #[test]
    fn of_several_cartridges_the_first_is_asked_for_again() {
        let mut several = written(Some(1));
        several.parts.push(several.parts[0].clone());
        let mechanism = Mechanism::holding(&Cartridge::with_files(&[vec![vec![7; 600]]]));
        mechanism.lay_ready(&Cartridge::with_files(&[WHOLE.chunks(1024).map(<[u8]>::to_vec).collect()]));
        let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
        let command = "test $BLOCKTAR_PART-$BLOCKTAR_DIRECTION = 1-read";
        let further = parts::further(NextMedium::new(Some(command.to_owned()), &Arc::default()), TapeReading::Forward);
        let inputs = on_tape(drive, &several, further).unwrap();
        assert!(verify(inputs, 1, &Progress::default()).unwrap().is_sound());
    }
}
