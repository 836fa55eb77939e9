//! Archive to output as it is: the same archive elsewhere, in other records, in other parts.

use crate::archive::index::Content;
use crate::archive::reader::{Documents, Ending};
use crate::archive::writer::{ArchiveWriter, WrittenArchive, WrittenThrough};
use crate::archive::{BackupInfo, Inputs, OpenArchive};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Output;
use crate::water::Flow;

/// How to put an archive elsewhere.
#[derive(Clone, Debug)]
pub struct ReblockRequest {
    /// How many threads check what is read.
    pub threads: usize,
    /// Hold back so many bytes at most, so that an output that must not run dry does not; `None` for one that may.
    pub buffer_bytes: Option<u64>,
}

/// What has to be said of an archive that was put elsewhere.
#[derive(Clone, Debug)]
pub struct ReblockSummary {
    /// The archive where it is now, its parts, and the end member with its backup-info.
    pub written: WrittenArchive,
    /// The ranges that could not be read when the backup was made.
    pub bad: RangeList,
    /// What came of the buffer, if there was one.
    pub flow: Option<Flow>,
    /// What the user should know, in sentences.
    pub warnings: Vec<String>,
}

/// An archive whose head was read, about to be put elsewhere.
pub struct Reblocking {
    archive: OpenArchive,
    documents: Documents,
}

impl Reblocking {
    /// Reads the head.
    ///
    /// # Errors
    /// What is wrong with it, and failed reads.
    pub fn open(inputs: impl Into<Inputs>) -> Result<Self> {
        let (archive, documents) = OpenArchive::open_with_documents(inputs)?;
        Ok(Self { archive, documents })
    }

    /// The backup-info.
    pub fn info(&self) -> &BackupInfo {
        self.archive.info()
    }

    /// Reads the archive front to back, checks every byte of it, and writes it anew as the same archive: with its id, digest and state, its head as it is, and
    /// every member's stored bytes as they are (format-spec, section 10). The output is finished, so that it is complete and on stable storage.
    ///
    /// # Errors
    /// Everything that is wrong with the archive that is read, its end blocks included; any failed read or write; an interruption. Then the output has no
    /// end member.
    pub fn run(self, output: &mut dyn Output, request: &ReblockRequest, progress: &Progress) -> Result<ReblockSummary> {
        let Self { archive, documents: Documents { restore_text, attached } } = self;
        let (name, info) = (archive.name().to_owned(), archive.info().clone());
        progress.set_total(info.device.size_bytes);
        let files: Vec<_> = attached.iter().map(Vec::as_slice).collect();
        let mut writer = ArchiveWriter::begin_copy(output, info, &restore_text, &files, archive.map().clone())?;
        drop(attached);
        let (mut ending, mut zero_members) = (None, 0);
        let read = |put: &mut dyn FnMut(_) -> Result<()>| {
            let copied = archive.read_stored(request.threads, |packed| {
                zero_members += packed.members.iter().filter(|member| member.content == Content::Zero).count() as u64;
                put(packed)
            })?;
            ending = Some(copied);
            Ok(())
        };
        let WrittenThrough { bad, flow } = writer.write_packed(request.buffer_bytes, progress, read)?;
        progress.check()?;
        let ending: Ending = ending.ok_or_else(|| Error::incomplete(&name, "it was not read to its end"))?;
        if let Some(fault) = ending.fault(&name) {
            return Err(fault);
        }
        let written = writer.finish_copy(&ending.end)?;
        let warnings = ending.left_out_members(zero_members).into_iter().collect();
        Ok(ReblockSummary { written, bad, flow, warnings })
    }
}

/// Opens an archive and puts it elsewhere; see [`Reblocking::run`].
///
/// # Errors
/// Those of [`Reblocking::open`] and [`Reblocking::run`].
pub fn reblock(
    inputs: impl Into<Inputs>,
    output: &mut dyn Output,
    request: &ReblockRequest,
    progress: &Progress,
) -> Result<ReblockSummary> {
    Reblocking::open(inputs)?.run(output, request, progress)
}
