//! Labels a cartridge.

use std::io;

use crate::archive::Label;
use crate::drive::Drive;
use crate::error::{Error, Result};

use super::content::TapeFile;
use super::deck::{Deck, Met};
use super::inventory::Walk;

/// What the records of a label have, in this order, until the drive takes one.
const RECORD_BYTES: [u64; 3] = [512 << 10, 256 << 10, 64 << 10];

/// Writes a label of this name as the first tape file, with a filemark behind it, and stands behind that.
///
/// With `overwrite` everything that lies on the cartridge is lost: it is told first.
///
/// # Errors
/// Refused: no cartridge, one that is write-protected, one that holds anything (unless `overwrite`), a name that no medium may have.
pub fn label(drive: &mut dyn Drive, name: &str, overwrite: bool, mut lost: impl FnMut(&TapeFile)) -> Result<Label> {
    let request = format!("label {} as {name}", drive.name());
    let checked = Label::new(name, RECORD_BYTES[0]);
    checked.map_err(|why| Error::refused(&request, why, None))?;
    let mut deck = Deck::open(drive, "label")?;
    deck.refuse_protected("label")?;
    if !is_blank(&mut deck)? {
        let mut walk = Walk::begin(&mut deck)?;
        while let Some(file) = walk.next()? {
            if !overwrite {
                return Err(refusal(&request, &file));
            }
            lost(&file);
        }
    }
    deck.rewind()?;
    write(&mut deck, name, &request)
}

fn is_blank(deck: &mut Deck<'_>) -> Result<bool> {
    deck.rewind()?;
    let first = deck.read()?;
    // A filemark alone hides nothing.
    Ok(match first {
        Met::Filemark => matches!(deck.read()?, Met::EndOfData),
        first => matches!(first, Met::EndOfData),
    })
}

fn refusal(request: &str, first: &TapeFile) -> Error {
    let why = format!("the cartridge is not empty: it begins with {}", first.content.describe());
    let remedy = "take another cartridge; or, if all that is on this one may be lost, add --overwrite".to_owned();
    Error::refused(request, why, Some(remedy))
}

fn write(deck: &mut Deck<'_>, name: &str, request: &str) -> Result<Label> {
    for record_bytes in RECORD_BYTES {
        let label = Label::new(name, record_bytes).map_err(|why| Error::refused(request, why, None))?;
        match deck.drive().write_record(&label.archive()) {
            Ok(()) => {
                let closed = deck.drive().write_filemarks(1);
                return closed.map(|()| label).map_err(|cause| deck.failed("writing the label to", cause));
            }
            // The host takes no record of this length: nothing was written.
            Err(cause) if is_too_long(&cause) && Some(&record_bytes) != RECORD_BYTES.last() => {}
            Err(cause) => return Err(deck.failed("writing the label to", cause)),
        }
    }
    Err(Error::refused(request, "the drive takes no record of a label's length", None))
}

/// Whether a write failed because of its length.
pub(super) fn is_too_long(cause: &io::Error) -> bool {
    use crate::sys::errno::{EINVAL, EOVERFLOW};
    cause.raw_os_error().is_some_and(|number| [EINVAL, EOVERFLOW].contains(&number))
}
