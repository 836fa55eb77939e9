//! Opens an archive that lies in several parts: those that were named, and those that are brought.

use std::io;
use std::path::PathBuf;

use blocktar::archive::{Inputs, OpenArchive, OpenOptions};
use blocktar::cartridge::{self, Selector};
use blocktar::drive::{Drive, LentDrive};
use blocktar::error::{Error, Result};
use blocktar::media;
use blocktar::media::further_media::{Further, FurtherMedia, TapeReading};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::numbered::NumberedPath;
use blocktar::stream::WantedPart;

use super::Wanted;
use crate::tape_device;
use crate::values::{Stream, shell_word};

/// Opens each archive of which these files are all parts; a numbered name stands for all of its kind.
pub fn open_each(paths: &[PathBuf]) -> Result<Vec<OpenArchive>> {
    let named: Vec<Stream> = paths.iter().map(|path| path.clone().into_os_string().into()).collect();
    let inputs = all_named(&named)?.iter().map(|file| media::open_input(file.path())).collect::<Result<Vec<_>>>()?;
    let open = |inputs| OpenArchive::open(inputs, &OpenOptions::default());
    Inputs::by_archive(inputs)?.into_iter().map(open).collect()
}

impl Wanted<'_> {
    /// Opens the archive with all its parts: `named` are all that were, and the others are asked for.
    pub fn open_parts(&self, named: &[Stream], next_medium: NextMedium, reading: TapeReading) -> Result<Inputs> {
        let archives = all_named(named)?;
        if archives.len() > 1 {
            let open = |archive: &Stream| {
                let opened = Wanted { archive: Some(archive), ..*self }.open_in(reading);
                opened.map_err(|error| self.with_hint(error, &archives, archive))
            };
            let given = archives.iter().map(open).collect::<Result<Vec<_>>>()?;
            let name = given[0].name().to_owned();
            return Ok(with_further(Inputs::all(given)?, None, name, next_medium, reading));
        }
        let only = Wanted { archive: archives.first().or(self.archive), ..*self };
        let path = only.path()?;
        only.refuse_selection(path.as_deref())?;
        let Some(drive) = tape_device::open_to_read(path.as_deref())? else {
            let input = only.open_in(reading)?;
            let name = input.name().to_owned();
            return Ok(with_further(input.into(), None, name, next_medium, reading));
        };
        let mut drive = LentDrive::new(Box::new(drive));
        only.position(&mut drive)?;
        let (name, input) = (drive.name().to_owned(), reading.input(drive.clone())?);
        Ok(with_further(input.into(), Some(drive), name, next_medium, reading))
    }

    /// A second file that does not exist was probably meant to be written.
    fn with_hint(&self, error: Error, archives: &[Stream], failed: &Stream) -> Error {
        let [Some(first), Some(second)] = [0, 1].map(|place| archives.get(place).and_then(Stream::path)) else {
            return error;
        };
        if archives.len() != 2 || failed.path() != Some(second) || second.exists() {
            return error;
        }
        let (first, second) = (shell_word(first), shell_word(second));
        match self.command {
            "extract" => {
                error.with_remedy(format!("the bytes go to standard output: `blocktar extract {first} > {second}`"))
            }
            "recompress" | "reblock" => {
                let command = self.command;
                error.with_remedy(format!("the new archive is named by `-o`: `blocktar {command} {first} -o {second}`"))
            }
            _ => error,
        }
    }
}

/// The same inputs and whoever brings others, if that is anybody: a command, or at a drive the user.
pub fn with_further(
    inputs: Inputs,
    drive: Option<LentDrive>,
    name: String,
    next_medium: NextMedium,
    reading: TapeReading,
) -> Inputs {
    if !next_medium.has_command() && drive.is_none() {
        return inputs;
    }
    inputs.with_next(Box::new(FurtherMedia::new(drive, name, further(next_medium, reading))))
}

/// What a reader needs that goes on from medium to medium.
pub fn further(next_medium: NextMedium, reading: TapeReading) -> Further {
    Further {
        next_medium,
        reading,
        position: Box::new(go_to_part),
        open_drive: Box::new(|path| {
            Ok(tape_device::open_to_read(Some(path))?.map(|drive| Box::new(drive) as Box<dyn Drive>))
        }),
    }
}

/// Goes on a cartridge to the part that is wanted; says what is wrong with the cartridge, if it is not there.
pub fn go_to_part(drive: &mut dyn Drive, wanted: &WantedPart) -> Result<Option<String>> {
    let entry = match cartridge::select(drive, &Selector::Id(wanted.id.clone())) {
        Ok(selected) => selected.entry,
        Err(Error::Refused(refusal)) => return Ok(Some(refusal.why)),
        Err(error) => return Err(error),
    };
    let number = entry.and_then(|entry| entry.info).map_or(wanted.number, |info| info.part_number());
    Ok((number != wanted.number).then(|| format!("it holds part {number} of this archive")))
}

/// All that was named, and in place of a numbered name all files that have one of its kind.
pub fn all_named(named: &[Stream]) -> Result<Vec<Stream>> {
    let mut all = Vec::new();
    for stream in named {
        let numbered =
            stream.path().filter(|path| !path.exists()).and_then(|path| Some((path, NumberedPath::parse(path)?)));
        let Some((path, numbered)) = numbered else {
            all.push(stream.clone());
            continue;
        };
        let found: Vec<PathBuf> = numbered.existing()?;
        if found.is_empty() {
            let cause = io::Error::new(io::ErrorKind::NotFound, "there is no file with a number in its place");
            return Err(Error::io("opening", path.display().to_string(), cause));
        }
        all.extend(found.into_iter().map(|path| path.into_os_string().into()));
    }
    Ok(all)
}
