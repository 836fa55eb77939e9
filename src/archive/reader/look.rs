//! Reads of an archive, or of a part of one, only what an inventory needs.

use super::super::info::BackupInfo;
use super::ending::Ending;
use super::forward::Forward;
use super::head::{self, Attachments};
use super::input::ArchiveInput;
use super::parts::Parts;
use super::{Reading, seeking, tail};
use crate::error::{Error, Result};
use crate::stream::Input;

/// Reads of an archive only what an inventory needs: head and end where the input can seek and the end is there, else its structure.
///
/// Gives the backup-info if that much could be read, and how the archive ends, or why it does not.
pub fn look(input: Box<dyn Input>) -> (Option<BackupInfo>, Result<Ending>) {
    let mut input = ArchiveInput::new(input);
    let first = match head::read_info(&mut input) {
        Ok(first) => first,
        Err(error) => return (None, Err(error)),
    };
    let behind_info = input.position();
    let info = first.info.clone();
    if input.length().is_none() {
        let head = head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Best);
        let ending = head.and_then(|head| {
            Forward::new(input, head, Reading::Best, Parts::none()).of_single_part().skim(&mut |_| ())
        });
        return (Some(info), ending);
    }
    let ending = match tail::find_end(&mut input, &first.common, info.digest) {
        Ok(Ok(ending)) => tail::check_last_index(&mut input, &first.common, info.digest, &ending).map(|()| ending),
        Ok(Err(failure)) if info.part.is_some() => Err(failure.unwrap_or_else(|| tail::no_end(&input))),
        Ok(Err(_)) => Err(why_no_end(input, first, behind_info)),
        Err(error) => Err(error),
    };
    (Some(info), ending)
}

/// Why the tail shows no end: it may have been cut off, or something else may follow it. The structure tells.
fn why_no_end(mut input: ArchiveInput, first: head::First, behind_info: u64) -> Error {
    let sought = input.seek_to(behind_info);
    let head = sought.and_then(|()| head::read_behind_info(&mut input, first, Attachments::Named(None), Reading::Best));
    match head {
        Ok(head) => {
            let data_position = input.position();
            seeking::diagnose(input, head, data_position, &mut |_| ())
        }
        Err(error) => error,
    }
}
