//! Archive to archive: the same image, compressed, cut or digested otherwise.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::archive::pack::{Batch, Before, PIECES_MAX, Piece};
use crate::archive::reader::{Documents, Ending, Told};
use crate::archive::restore_text::RESTORE_TEXT;
use crate::archive::writer::{ArchiveWriter, WrittenArchive, WrittenThrough};
use crate::archive::{Attached, BackupInfo, Compression, DigestKind, End, Inputs, MapKind, OpenArchive};
use crate::error::{Error, Result};
use crate::extent::Range;
use crate::pipeline::{self, Pool};
use crate::progress::Progress;
use crate::ranges::RangeList;
use crate::stream::Output;
use crate::water::Flow;

/// What to make otherwise; everything else stays as it is in the archive that is read.
#[derive(Clone, Debug, Default)]
pub struct RecompressRequest {
    /// How data members are compressed.
    pub compression: Option<Compression>,
    /// Which digest members carry.
    pub digest: Option<DigestKind>,
    /// The longest data member in bytes: 64 KiB to 64 MiB, a multiple of 4 KiB.
    pub extent_limit_bytes: Option<u64>,
    /// The new archive's length is a multiple of this in bytes: 512 to 16 MiB, a multiple of 512.
    pub record_bytes: Option<u64>,
    /// How many threads read and check, and how many hash and compress.
    pub threads: usize,
    /// Hold back so many bytes at most, so that an output that must not run dry does not; `None` for one that may.
    pub buffer_bytes: Option<u64>,
}

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
    request: &RecompressRequest,
    progress: &Progress,
) -> Result<RecompressSummary> {
    let (archive, Documents { attached, .. }) = OpenArchive::open_with_documents(inputs)?;
    let name = archive.name().to_owned();
    let info = describe(&archive, &attached, request)?;
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

/// The new archive's backup-info: what it says of the backup stays, keys of a later writer included; what it says of the archive is new.
fn describe(archive: &OpenArchive, attached: &[Vec<u8>], request: &RecompressRequest) -> Result<BackupInfo> {
    let from = archive.info();
    let digest = request.digest.unwrap_or(from.digest);
    if digest != from.digest && from.samples.as_ref().is_some_and(|samples| !samples.is_empty()) {
        let why =
            format!("it has {} digests of ranges that did not change, and does not hold these ranges", from.digest);
        let remedy = format!("keep its digest, {}", from.digest);
        return Err(Error::refused(format!("give {} another digest", archive.name()), why, Some(remedy)));
    }
    let of_files = |files: &Vec<Attached>| {
        files.iter().zip(attached).map(|(file, content)| Attached::of(&file.name, content, digest)).collect()
    };
    Ok(BackupInfo {
        id: BackupInfo::new_id(),
        program: BackupInfo::PROGRAM.to_owned(),
        digest,
        compression: request.compression.unwrap_or(from.compression),
        extent_limit: request.extent_limit_bytes.unwrap_or(from.extent_limit),
        record_size: request.record_bytes.unwrap_or(from.record_size),
        part: None,
        medium: None,
        attached: from.attached.as_ref().map(of_files),
        ..from.clone()
    })
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
    request: &RecompressRequest,
    progress: &Progress,
) -> Result<Copied> {
    let threads = request.threads;
    let spare = Pool::<Batch>::default();
    let (batches, filled) = sync_channel(1);
    let mut regrouping = Regrouping::new(&archive, writer.info(), batches, &spare, progress);
    thread::scope(|scope| {
        let read = move || {
            let ending = archive.read_through(threads, |told| regrouping.enter(told))?;
            regrouping.hand_on()?;
            Ok((ending, regrouping.zero_members))
        };
        let reading = pipeline::start(scope, read)?;
        let spare = &spare;
        let written = writer.write_through(threads, request.buffer_bytes, progress, move |batch| {
            spare.give(batch);
            // No more of them also means that reading failed; the reader says so itself.
            Ok(filled.recv().ok())
        });
        let read: Result<_> = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A reader whose batches nobody takes any more fails too, and does not know why.
        let WrittenThrough { bad, flow } = written?;
        let (ending, zero_members) = read?;
        Ok(Copied { ending, bad, flow, zero_members })
    })
}

/// Puts what an archive tells into batches, in pieces cut on multiples of the new extent limit.
///
/// What two members held becomes one piece where they touch between two multiples. Zeros that the map or a gap tells stay untold: the map is
/// the same.
struct Regrouping<'a> {
    batch: Batch,
    batches: SyncSender<Batch>,
    spare: &'a Pool<Batch>,
    progress: &'a Progress,
    archive: String,
    inline: bool,
    extent_limit: u64,
    batch_bytes: u64,
    /// Where data extents of the map touch: no piece lies across.
    seams: Vec<u64>,
    /// The zeros that had members.
    zero_members: u64,
}

impl<'a> Regrouping<'a> {
    fn new(
        archive: &OpenArchive,
        info: &BackupInfo,
        batches: SyncSender<Batch>,
        spare: &'a Pool<Batch>,
        progress: &'a Progress,
    ) -> Self {
        Self {
            batch: Batch::default(),
            batches,
            spare,
            progress,
            archive: archive.name().to_owned(),
            inline: info.map == MapKind::Inline,
            extent_limit: info.extent_limit,
            batch_bytes: info.batch_bytes(),
            seams: archive.map().data_seams(),
            zero_members: 0,
        }
    }

    fn enter(&mut self, told: Told<'_>) -> Result<()> {
        self.progress.check()?;
        match told {
            Told::Data { offset, bytes, .. } => self.enter_data(offset, bytes),
            Told::Bad(range) => self.enter_empty(Piece::Bad(range)),
            Told::Zeros(range) if self.inline => {
                self.zero_members += 1;
                self.enter_empty(Piece::Zero(range))
            }
            Told::Zeros(range) => {
                self.progress.add_zero(range.length);
                Ok(())
            }
            Told::Part(part) => {
                self.archive.clone_from(&part.input);
                Ok(())
            }
            Told::Damaged { range, why } => Err(Error::damaged(&*self.archive, why).with_affected(range)),
        }
    }

    fn enter_data(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.extent_limit - offset % self.extent_limit;
            let (piece, rest) = bytes.split_at(bytes.len().min(room as usize));
            let range = Range { start: offset, length: piece.len() as u64 };
            if !self.join(range) {
                // Also for what may still be joined to it.
                self.make_room(room)?;
                let at = self.batch.buffer.len();
                self.batch.pieces.push(Piece::Data { range, at, before: Before::Unknown });
            }
            self.batch.buffer.extend_from_slice(piece);
            offset += range.length;
            bytes = rest;
        }
        Ok(())
    }

    /// Makes the last piece longer by this range, if it goes on there and nothing demands a cut.
    fn join(&mut self, more: Range) -> bool {
        let is_cut = more.start.is_multiple_of(self.extent_limit) || self.seams.binary_search(&more.start).is_ok();
        match self.batch.pieces.last_mut() {
            Some(Piece::Data { range, .. }) if range.end() == more.start && !is_cut => {
                range.length += more.length;
                true
            }
            _ => false,
        }
    }

    fn enter_empty(&mut self, piece: Piece) -> Result<()> {
        self.make_room(0)?;
        self.batch.pieces.push(piece);
        Ok(())
    }

    /// Hands the batch on if one more piece of so many bytes would be too much for it.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let full = self.batch.pieces.len() == PIECES_MAX || self.batch.buffer.len() as u64 + bytes > self.batch_bytes;
        if full { self.hand_on() } else { Ok(()) }
    }

    /// Gives the batch to the writer, and begins another.
    fn hand_on(&mut self) -> Result<()> {
        let mut next = self.spare.take();
        next.buffer.clear();
        next.pieces.clear();
        let batch = std::mem::replace(&mut self.batch, next);
        let nobody = |_| Error::io("handing on", &*self.archive, std::io::ErrorKind::BrokenPipe);
        if batch.pieces.is_empty() { Ok(()) } else { self.batches.send(batch).map_err(nobody) }
    }
}

/// What of an archive does not go into one made from it, because it says something of the old one's bytes: see format-spec, section 9.
fn left_out(from: &End, optional_members: Option<String>) -> Vec<String> {
    let mut sentences = Vec::from_iter(optional_members);
    if !from.unknown.is_empty() {
        let keys: Vec<_> = from.unknown.keys().map(|key| format!("{key:?}")).collect();
        sentences.push(format!("left out keys of the end member that this version does not know: {}", keys.join(", ")));
    }
    sentences
}
