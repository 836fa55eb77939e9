//! Closes an archive: the last index, the end member and all behind it.

use super::super::block::{BLOCK, padded};
use super::super::digest::Digest;
use super::super::end::End;
use super::super::limit;
use super::super::member::{MemberKind, Record};
use super::{ArchiveWriter, WrittenArchive, document_record, record_bytes};
use crate::error::{Error, Result};

/// What an archive is, as its end member says it.
enum Closing<'e> {
    /// A backup, whose state is its own digest.
    Backup(jiff::Timestamp),
    /// Made from another, whose state it carries over.
    Descendant(jiff::Timestamp, Digest),
    /// The same archive as the one that ends so.
    Copy(&'e End),
}

impl ArchiveWriter<'_> {
    /// Writes the last index, the end member, the zero blocks and the padding, and finishes the output, so that all of it is on stable
    /// storage. For a backup, whose state is its own digest.
    pub fn finish(self, finished: jiff::Timestamp) -> Result<WrittenArchive> {
        self.finish_as(&Closing::Backup(finished))
    }

    /// The same for an archive made from another, whose state it carries over.
    ///
    /// # Errors
    /// Also if the head told another state: then what it was made from has changed meanwhile.
    pub fn finish_with_state(self, finished: jiff::Timestamp, state: Digest) -> Result<WrittenArchive> {
        self.finish_as(&Closing::Descendant(finished, state))
    }

    /// The same for a copy of the archive that ends so.
    ///
    /// # Errors
    /// Also if what was written has another digest: then it is no copy.
    pub fn finish_copy(self, original: &End) -> Result<WrittenArchive> {
        self.finish_as(&Closing::Copy(original))
    }

    fn finish_as(mut self, closing: &Closing<'_>) -> Result<WrittenArchive> {
        let end = if self.parts.is_some() {
            self.finish_in_parts(|writer| writer.close(closing))?
        } else {
            let end = self.close(closing)?;
            self.out.output.finish()?;
            end
        };
        let whole = self.ledger.of_all_parts(&end);
        let parts = self.written_parts();
        Ok(WrittenArchive { end, whole, bytes: parts.iter().map(|part| part.bytes).sum(), parts })
    }

    /// Writes everything behind the data of the final part.
    fn close(&mut self, closing: &Closing<'_>) -> Result<End> {
        if self.ledger.index_is_full() {
            self.write_index()?;
        }
        self.ledger.close_device(|_| ()).map_err(|why| Error::refused("end an archive", why, None))?;
        self.write_index()?;
        let end = match closing {
            Closing::Backup(finished) => self.ledger.end(self.out.seq, *finished),
            Closing::Descendant(finished, state) => {
                if self.ledger.info().state.is_some_and(|told| told != *state) {
                    let why = "its head tells another state than the archive that it was made from has at its end";
                    return Err(Error::refused("end an archive", why, None));
                }
                End { state: Some(*state), ..self.ledger.end(self.out.seq, *finished) }
            }
            Closing::Copy(original) => {
                let own = self.ledger.end(self.out.seq, original.finished);
                if own.digest != original.digest {
                    let why = "what was written has another digest than the archive";
                    return Err(Error::refused("end a copy of an archive", why, None));
                }
                End { state: original.state, unknown: original.unknown.clone(), ..own }
            }
        };
        let end = self.placed(end);
        self.write_end(&end)?;
        Ok(end)
    }

    /// The end member with the medium on which it is written, where the head names another.
    pub(super) fn placed(&self, end: End) -> End {
        end.on_medium(self.parts.as_ref().and_then(|parts| parts.medium()))
    }

    /// Writes an end member, the zero blocks and the padding.
    pub(super) fn write_end(&mut self, end: &End) -> Result<()> {
        let text = end.text();
        check_end(text.len() as u64)?;
        let info = self.ledger.info();
        let record = document_record(&text, info);
        let mut headers = Vec::with_capacity(3 * BLOCK);
        self.out.headers.push(
            &mut headers,
            &MemberKind::End,
            &Record { seq: self.out.seq, ..record },
            text.len() as u64,
        );
        let unpadded = self.out.position + headers.len() as u64 + padded(text.len() as u64) + 2 * BLOCK as u64;
        let total = unpadded.next_multiple_of(record_bytes(self.out.output, self.ledger.info()));
        self.out.close(&headers, &text, total - unpadded)?;
        (self.out.position, self.out.seq) = (total, self.out.seq + 1);
        Ok(())
    }
}

/// Whether an end member may be so long: else it could not be found from the end.
pub(super) fn check_end(length: u64) -> Result<()> {
    if length > limit::END {
        let remedy = Some("use a larger --extent-limit".to_owned());
        return Err(Error::refused("end an archive", "it has more indexes than an end member can name", remedy));
    }
    Ok(())
}
