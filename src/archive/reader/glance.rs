//! What the first and the last bytes of an archive tell, without what lies between: for media where every positioning takes a minute.

use std::io;

use super::super::beginning::{Beginning, beginning};
use super::super::block::{BLOCK, parse_header};
use super::super::digest::DigestKind;
use super::super::end::End;
use super::super::info::{BackupInfo, is_id};
use super::super::label::Label;
use super::ending::Ending;
use super::head::{read_info, read_label};
use super::input::{ArchiveInput, Common};
use super::tail::find_end;
use crate::error::{Error, Result};
use crate::stream::Input;

const END_MEMBER: &str = "/PaxHeaders/end.json";

/// Bytes out of an archive, as an input of their own.
struct Excerpt {
    name: String,
    bytes: Vec<u8>,
    position: usize,
}

impl Input for Excerpt {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.bytes[self.position.min(self.bytes.len())..];
        let length = left.len().min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.position += length;
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.position = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(())
    }
}

fn excerpt(name: &str, bytes: &[u8]) -> ArchiveInput {
    ArchiveInput::new(Box::new(Excerpt { name: name.to_owned(), bytes: bytes.to_vec(), position: 0 }))
}

/// What can be told of an archive so: its backup-info, and how it ends or why that cannot be told.
pub type Glance = (Option<BackupInfo>, Result<Ending>);

/// Tells what an archive is that begins and ends with these bytes; `None` if neither are those of an archive.
///
/// Positions in what it gives count from the start of `tail`. An archive whose beginning is damaged is still named by its end member.
pub fn glance(name: &str, head: &[u8], tail: &[u8]) -> Option<Glance> {
    let begins = matches!(beginning(head), Beginning::Archive | Beginning::SpoiledArchive);
    let first = match read_info(&mut excerpt(name, head)) {
        Ok(first) => first,
        Err(fault) => return without_head(name, fault, tail, begins),
    };
    let ending = match find_end(&mut excerpt(name, tail), &first.common, first.info.digest) {
        Ok(Ok(ending)) if ending.end.backup_info != first.info => {
            Err(Error::damaged(name, "its end member tells of another backup than its beginning"))
        }
        Ok(Ok(ending)) => Ok(ending),
        Ok(Err(None)) => Err(Error::incomplete(name, "it has no end member")),
        Ok(Err(Some(fault))) | Err(fault) => Err(as_damage(name, "its end member is damaged", fault)),
    };
    Some((Some(first.info), ending))
}

/// The same where the head cannot be read, for this reason.
fn without_head(name: &str, fault: Error, tail: &[u8], begins: bool) -> Option<Glance> {
    let info = end_in(name, tail).map(|end| end.backup_info);
    (begins || info.is_some()).then(|| {
        let fault = match fault {
            Error::Refused(_) => fault,
            _ => as_damage(name, "its beginning is damaged", fault),
        };
        (info, Err(fault))
    })
}

/// A fault without the position, which counts from somewhere in the middle.
fn as_damage(name: &str, why: &str, fault: Error) -> Error {
    match fault {
        Error::Refused(_) => fault,
        _ => Error::damaged(name, why),
    }
}

/// The end member in the last bytes of whatever archive, if nothing but zeros follows it.
pub fn end_in(name: &str, tail: &[u8]) -> Option<End> {
    let places = tail.chunks_exact(BLOCK).enumerate().rev();
    places.filter_map(|(place, block)| Some((place, end_header(block)?))).find_map(|(place, common)| {
        let mut input = excerpt(name, tail);
        input.seek_to((place * BLOCK) as u64).ok()?;
        let (digest, _) = input.next_member(Some(&common)).ok()?.record.digest?;
        find_end_of(name, tail, &common, digest).map(|ending| ending.end)
    })
}

fn find_end_of(name: &str, tail: &[u8], common: &Common, digest: DigestKind) -> Option<Ending> {
    find_end(&mut excerpt(name, tail), common, digest).ok()?.ok()
}

/// What an end member's first header tells of its archive, if this is one.
fn end_header(block: &[u8]) -> Option<Common> {
    let header = parse_header(block.try_into().ok()?, tar::EntryType::XHeader)?;
    let id = header.path.strip_suffix(END_MEMBER).filter(|id| is_id(id))?;
    Some(Common { id: id.to_owned(), mtime: header.mtime })
}

/// Reads the label of a medium, all of whose bytes these are.
///
/// # Errors
/// [`Damaged`](crate::error::Error::Damaged) or [`Refused`](crate::error::Error::Refused), as of an archive.
pub fn label(name: &str, bytes: &[u8]) -> Result<Label> {
    read_label(&mut excerpt(name, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &[u8] = include_bytes!("../../../format-spec/vectors/full_plain.tar");

    fn sound_ending(head: &[u8], tail: &[u8]) -> Option<(bool, bool)> {
        glance("a.tar", head, tail).map(|(info, ending)| (info.is_some(), ending.is_ok()))
    }

    #[test]
    fn both_ends_tell_all_and_either_names_the_archive() {
        let end = SOUND.len() - SOUND.len() % 512;
        let tail = &SOUND[end - 4096..];
        assert_eq!(sound_ending(SOUND, tail), Some((true, true)));
        assert_eq!(sound_ending(&[0; 4096], tail), Some((true, false)));
        assert_eq!(sound_ending(b"", tail), Some((true, false)));
        assert_eq!(sound_ending(SOUND, &[7; 4096]), Some((true, false)));
        // Its name is there still.
        assert_eq!(sound_ending(&SOUND[..100], &[7; 4096]), Some((false, false)));
        assert_eq!(sound_ending(&[7; 4096], &[7; 4096]), None);
        let (info, ending) = glance("a.tar", &[0; 512], tail).unwrap();
        let (whole, _) = glance("a.tar", SOUND, tail).unwrap();
        assert_eq!(info, whole);
        assert_eq!(ending.unwrap_err().to_string(), "a.tar is damaged: its beginning is damaged");
    }

    #[test]
    fn a_label_is_read_whole_or_not_at_all() {
        let sound = Label::new("WEEK-07", 4096).unwrap();
        let bytes = sound.archive();
        assert_eq!(label("tape", &bytes).unwrap(), sound);
        for place in [0, 200, 600, 1100, 1700, 4095] {
            let mut spoilt = bytes.clone();
            spoilt[place] ^= 1;
            assert!(matches!(label("tape", &spoilt), Err(Error::Damaged { .. })), "byte {place}");
        }
    }
}
