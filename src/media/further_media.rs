//! The media on which an archive goes on, for whoever reads it: the next cartridge in the drive, another drive, the next of numbered files.

use std::path::Path;

use super::next_medium::{Answer, Direction, MediumKind, NextMedium, Question};
use super::numbered::NumberedPath;
use super::open_input;
use super::tape::{SeekableTapeInput, TapeInput};
use crate::drive::{Drive, LentDrive, explained};
use crate::error::{Error, Result};
use crate::stream::{Input, MediumReason, NextInput, WantedPart};

/// So often a command is run anew because what it brought was not what is wanted.
const WRONG_MAX: u32 = 5;

/// In which way a tape is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeReading {
    /// From front to back.
    Forward,
    /// Here and there.
    Pieces,
}

impl TapeReading {
    /// The input that reads a drive in this way from where it stands.
    pub fn input(self, drive: LentDrive) -> Result<Box<dyn Input>> {
        let name = drive.name().to_owned();
        Ok(match self {
            Self::Forward => Box::new(TapeInput::new(Box::new(drive))),
            Self::Pieces => {
                let input =
                    SeekableTapeInput::open(Box::new(drive)).map_err(|cause| Error::io("reading", name, cause))?;
                Box::new(input)
            }
        })
    }
}

/// Goes on a cartridge to where the part that is wanted begins; says what is wrong with the cartridge, if it is not there.
pub type GoToPart = Box<dyn FnMut(&mut dyn Drive, &WantedPart) -> Result<Option<String>> + Send>;
/// Opens the drive of this name, or says that it is none.
pub type OpenNamed = Box<dyn FnMut(&Path) -> Result<Option<Box<dyn Drive>>> + Send>;

/// What a reader that goes on needs of the program that it is part of.
pub struct Further {
    /// Whom to ask.
    pub next_medium: NextMedium,
    /// In which way to read.
    pub reading: TapeReading,
    /// Goes on a cartridge to where the archive's part begins; says what is wrong with the cartridge, if it is not there.
    pub position: GoToPart,
    /// Opens what was named instead: a drive, or `None` for what is no drive.
    pub open_drive: OpenNamed,
}

/// Has the cartridges changed on which an archive goes on, or goes on with what is named instead.
pub struct FurtherMedia {
    /// The drive that is read, unless it is a file.
    drive: Option<LentDrive>,
    name: String,
    further: Further,
    wrong: u32,
}

impl FurtherMedia {
    /// Goes on behind the cartridge in this drive, or behind a file of this name.
    pub fn new(drive: Option<LentDrive>, name: String, further: Further) -> Self {
        Self { drive, name, further, wrong: 0 }
    }

    /// Asks once.
    fn ask(&mut self, wanted: &WantedPart, reason: &MediumReason) -> Result<Brought> {
        if let Some(drive) = &mut self.drive {
            // Given out first, so that it can be taken. An empty drive has nothing to give.
            let _ = drive.unload();
        }
        let question = Question {
            device: &self.name,
            kind: if self.drive.is_some() { MediumKind::Cartridge } else { MediumKind::File },
            part: wanted.number,
            archive: &wanted.id,
            reason,
            direction: Direction::Read,
        };
        let answer = self.further.next_medium.ask(&question)?;
        match (answer, &mut self.drive) {
            (Answer::NoOther, _) if self.further.next_medium.is_for_those_who_may_lack() => {
                return Err(question.no_other());
            }
            (Answer::NoOther, _) => return Ok(Brought::Nothing),
            // The driver lets only one have it, and here it is open already.
            (Answer::GoOnWith(path), drive) if !drive.as_ref().is_some_and(|drive| drive.is_at(&path)) => {
                match (self.further.open_drive)(&path) {
                    Ok(Some(drive)) => {
                        self.name = drive.name().to_owned();
                        self.drive = Some(LentDrive::new(drive));
                    }
                    Ok(None) => {
                        return open_input(Some(&path)).map_or_else(as_wrong, |input| Ok(Brought::Input(input)));
                    }
                    Err(error) => return as_wrong(error),
                }
            }
            (_, Some(drive)) => {
                if let Err(cause) = drive.load() {
                    return Ok(Brought::Wrong(explained(drive, cause).to_string()));
                }
            }
            (_, None) => return Ok(Brought::Wrong("no other file was named".to_owned())),
        }
        let Some(drive) = &mut self.drive else { return Ok(Brought::Wrong("no drive was named".to_owned())) };
        match (self.further.position)(drive, wanted) {
            Ok(Some(why)) => Ok(Brought::Wrong(why)),
            Ok(None) => self.further.reading.input(drive.clone()).map(Brought::Input),
            // Whatever is the matter with this cartridge: what was read of the others so far is not lost by it.
            Err(error) => as_wrong(error),
        }
    }

    /// The failure where a command goes on bringing what will not do.
    fn given_up(wanted: &WantedPart, why: &str) -> Error {
        let request = format!("read part {} of the archive {}", wanted.number, wanted.id);
        let why = format!("--next-medium brought {WRONG_MAX} times what will not do, the last as {why}");
        Error::refused(request, why, Some("have it bring the medium that holds this part".to_owned()))
    }
}

/// What came of asking.
enum Brought {
    Input(Box<dyn Input>),
    /// What will not do, for this reason.
    Wrong(String),
    /// There is no other, it was answered.
    Nothing,
}

impl NextInput for FurtherMedia {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        // Behind a file or pipe that ends there is nothing that anybody could change.
        let next_medium = &self.further.next_medium;
        if !next_medium.has_command() && (self.drive.is_none() || !next_medium.can_ask()) {
            return Ok(None);
        }
        let mut reason = wanted.reason.clone();
        loop {
            match &reason {
                MediumReason::Next => self.wrong = 0,
                MediumReason::Wrong(why) => {
                    self.wrong += 1;
                    if self.wrong >= WRONG_MAX && self.further.next_medium.has_command() {
                        return Err(Self::given_up(wanted, why));
                    }
                }
            }
            match self.ask(wanted, &reason)? {
                Brought::Input(input) => return Ok(Some(input)),
                Brought::Wrong(why) => reason = MediumReason::Wrong(why),
                Brought::Nothing => return Ok(None),
            }
        }
    }
}

/// The parts of an archive in numbered files.
pub struct NumberedInputs(pub NumberedPath);

impl NextInput for NumberedInputs {
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>> {
        // What lies there under this number is all that there is.
        match (&wanted.reason, self.0.path(wanted.number)) {
            (MediumReason::Next, path) if path.exists() => open_input(Some(&path)).map(Some),
            _ => Ok(None),
        }
    }
}

/// What is wrong with what was named, by the error that it gave; only the wish to stop is none.
fn as_wrong(error: Error) -> Result<Brought> {
    if matches!(error, Error::Interrupted { .. }) { Err(error) } else { Ok(Brought::Wrong(error.to_string())) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tape::simulated::{Access, Cartridge, Mechanism};
    use super::*;

    fn wanted(number: u64, reason: MediumReason) -> WantedPart {
        WantedPart { id: "0193f000".to_owned(), number, reason }
    }

    fn first_byte(input: &mut dyn Input) -> u8 {
        let mut byte = [0];
        assert_eq!(input.read(&mut byte).unwrap(), 1);
        byte[0]
    }

    /// A drive with a cartridge whose only record begins with 1; the other cartridges' lie ready. The cartridge of part N begins with N.
    fn further(mechanism: &Mechanism, command: &str) -> FurtherMedia {
        let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
        let position = |drive: &mut dyn Drive, wanted: &WantedPart| {
            let mut record = [0; 512];
            drive.read_record(&mut record).unwrap();
            drive.rewind().unwrap();
            Ok((u64::from(record[0]) != wanted.number).then(|| format!("it begins with {}", record[0])))
        };
        let further = Further {
            next_medium: NextMedium::new(Some(command.to_owned()), &Arc::default()),
            reading: TapeReading::Forward,
            position: Box::new(position),
            open_drive: Box::new(|_| Ok(None)),
        };
        FurtherMedia::new(Some(drive), "/dev/nst9".to_owned(), further)
    }

    fn cartridge(first_byte: u8) -> Cartridge {
        Cartridge::with_files(&[vec![vec![first_byte; 512]]])
    }

    #[test]
    fn cartridges_are_changed_until_the_right_one_comes() {
        let mechanism = Mechanism::holding(&cartridge(1));
        for number in [7, 8, 2, 3] {
            mechanism.lay_ready(&cartridge(number));
        }
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let command = format!("echo $BLOCKTAR_PART $BLOCKTAR_REASON $BLOCKTAR_DIRECTION >> {}", notes.display());
        let mut media = further(&mechanism, &command);
        let mut second = media.next_input(&wanted(2, MediumReason::Next)).unwrap().unwrap();
        assert_eq!(first_byte(second.as_mut()), 2);
        // While the one before is still open.
        let mut third = media.next_input(&wanted(3, MediumReason::Next)).unwrap().unwrap();
        assert_eq!(first_byte(third.as_mut()), 3);
        let told = std::fs::read_to_string(notes).unwrap();
        assert_eq!(told, "2 next read\n2 wrong read\n2 wrong read\n3 next read\n");
    }

    /// The driver lets only one have a drive; and a slip at the prompt is no reason to give up.
    #[test]
    fn the_drive_itself_may_be_named_and_what_cannot_be_opened_is_asked_for_anew() {
        let mechanism = Mechanism::holding(&cartridge(1));
        mechanism.lay_ready(&cartridge(2));
        let mut media = further(&mechanism, "[ $BLOCKTAR_REASON = wrong ] && echo /dev/nst9 || echo /no/such/file");
        media.further.open_drive = Box::new(|path| {
            assert_ne!(path, Path::new("/dev/nst9"));
            Ok(None)
        });
        let mut second = media.next_input(&wanted(2, MediumReason::Next)).unwrap().unwrap();
        assert_eq!(first_byte(second.as_mut()), 2);
    }

    #[test]
    fn a_command_that_never_brings_the_right_one_is_not_asked_for_ever() {
        let mechanism = Mechanism::holding(&cartridge(1));
        let mut media = further(&mechanism, "true");
        let error = media.next_input(&wanted(2, MediumReason::Next)).err().unwrap();
        assert!(error.to_string().contains("it begins with 1"), "{error}");
        drop(media);
        let mut media = further(&mechanism, "exit 4");
        assert!(media.next_input(&wanted(2, MediumReason::Next)).err().unwrap().to_string().contains("exit status: 4"));
    }

    #[test]
    fn a_file_may_be_named_instead_and_numbered_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p-2.tar");
        std::fs::write(&path, [9; 512]).unwrap();
        let mechanism = Mechanism::holding(&cartridge(1));
        let mut media = further(&mechanism, &format!("echo {}", path.display()));
        let mut input = media.next_input(&wanted(2, MediumReason::Next)).unwrap().unwrap();
        assert_eq!(first_byte(input.as_mut()), 9);
        let mut numbered = NumberedInputs(NumberedPath::parse(&folder.path().join("p-%d.tar")).unwrap());
        assert_eq!(numbered.next_input(&wanted(2, MediumReason::Next)).unwrap().unwrap().length(), Some(512));
        assert!(numbered.next_input(&wanted(3, MediumReason::Next)).unwrap().is_none());
        assert!(numbered.next_input(&wanted(2, MediumReason::Wrong(String::new()))).unwrap().is_none());
    }
}
