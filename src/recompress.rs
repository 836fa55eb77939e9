//! Archive to archive: the same image, compressed, cut or digested otherwise.

use crate::archive::reader::{Documents, Ending, Told};
use crate::archive::restore_text::RESTORE_TEXT;
use crate::archive::writer::{ArchiveWriter, Regrouping, WrittenArchive, WrittenThrough};
use crate::archive::{BackupInfo, End, Inputs, OpenArchive, RewriteRequest, left_out};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Output;
use crate::water::Flow;

/// What has to be said of an archive that was made from another.
#[derive(Clone, Debug)]
pub struct RecompressSummary {
    /// The end member of the archive that was read.
    pub from: End,
    /// The new archive, its parts, and the end member with its backup-info.
    pub written: WrittenArchive,
    /// The ranges that could not be read when the backup was made.
    pub bad: RangeList,
    /// What came of the buffer, if there was one.
    pub flow: Option<Flow>,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// Reads an archive front to back, checks every byte of it, and writes a new one of the same image: with an id and digest of its own, and
/// the same state (format-spec, section 9). The output is finished, so that it is complete and on stable storage.
///
/// # Errors
/// Everything that is wrong with the archive that is read, its end blocks included; any failed read or write; an interruption. Then the output has no
/// end member.
pub fn recompress(
    inputs: impl Into<Inputs>,
    output: &mut dyn Output,
    request: &RewriteRequest,
    progress: &Progress,
) -> Result<RecompressSummary> {
    let (archive, Documents { attached, .. }) = OpenArchive::open_with_documents(inputs)?;
    let name = archive.name().to_owned();
    let told = BackupInfo { state: archive.state(), ..archive.info().clone() };
    let info = request.describe(&name, &told, &attached)?;
    progress.set_total(info.device.size_bytes);
    let files: Vec<_> = attached.iter().map(Vec::as_slice).collect();
    let mut writer = ArchiveWriter::begin(output, info, RESTORE_TEXT, &files, archive.map().clone())?;
    drop(attached);
    let Copied { ending, bad, flow, zero_members } = copy(archive, &mut writer, request, progress)?;
    progress.check()?;
    if let Some(fault) = ending.fault(&name) {
        return Err(fault);
    }
    let optional_members = ending.left_out_members(zero_members);
    let from = ending.end;
    let state = from.state.ok_or_else(|| Error::damaged(&name, "its end member names no state"))?;
    let written = writer.finish_with_state(from.finished, state)?;
    let warnings = left_out(&from, optional_members);
    Ok(RecompressSummary { from, written, bad, flow, warnings })
}

/// What was copied, the end member excepted.
struct Copied {
    ending: Ending,
    bad: RangeList,
    flow: Option<Flow>,
    zero_members: u64,
}

/// Reads the archive on a thread of its own, and packs and writes what it tells.
fn copy(
    archive: OpenArchive,
    writer: &mut ArchiveWriter<'_>,
    request: &RewriteRequest,
    progress: &Progress,
) -> Result<Copied> {
    let threads = request.threads;
    let read = |regrouping: &mut Regrouping<'_>| {
        let mut entering = Entering { name: archive.name().to_owned(), regrouping, progress, zero_members: 0 };
        let ending = archive.read_through(threads, |told| entering.enter(told))?;
        Ok((ending, entering.zero_members))
    };
    let (written, (ending, zero_members)) = writer.write_regrouped(threads, request.buffer_bytes, progress, read)?;
    let WrittenThrough { bad, flow } = written;
    Ok(Copied { ending, bad, flow, zero_members })
}

/// Enters what an archive tells into the one that is written. Zeros that the map or a gap tells stay untold: the map is the same.
struct Entering<'a, 'r> {
    /// What is read, as the user named it.
    name: String,
    regrouping: &'a mut Regrouping<'r>,
    progress: &'a Progress,
    /// The zeros that had members.
    zero_members: u64,
}

impl Entering<'_, '_> {
    fn enter(&mut self, told: Told<'_>) -> Result<()> {
        self.progress.check()?;
        match told {
            Told::Data { offset, bytes, .. } => self.regrouping.data(offset, bytes),
            Told::Bad(range) => self.regrouping.bad(range),
            Told::Zeros(range) => {
                self.zero_members += u64::from(self.regrouping.is_inline());
                self.regrouping.zeros(range)
            }
            Told::Part(part) => {
                self.name.clone_from(&part.input);
                Ok(())
            }
            Told::Damaged { range, why } => Err(Error::damaged(&*self.name, why).with_affected(range)),
        }
    }
}
