//! The traits at the ends of the stream: what is read, what a restore lands on, where archives go and come from.

use std::io::{self, IoSlice};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::extent::{Extent, ExtentMap};

/// What is known of a device: its size, and what a stranger needs to make room for it.
///
/// The fields and their order are those of `device` in `format-spec/README.md`, section 4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Size in bytes.
    #[serde(rename = "size")]
    pub size_bytes: u64,
    /// Logical sector size in bytes; 512 where there is none.
    #[serde(rename = "sector_size")]
    pub sector_bytes: u32,
    /// `block`, `file` or another word.
    #[serde(rename = "type")]
    pub kind: String,
    /// The path as the user named it.
    pub path: String,
    /// Name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Model of the drive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number of the drive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Name of the LVM volume group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vg: Option<String>,
    /// Name of the LVM logical volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lv: Option<String>,
    /// What lies at the start of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Filesystem>,
    /// Keys of a later writer, kept as they are.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

impl Device {
    /// The failure of a read at this offset of the device.
    pub(crate) fn read_failure(&self, offset: u64, cause: io::Error) -> Error {
        let what = format!("{} at byte {offset}", self.path);
        if cause.kind() != io::ErrorKind::UnexpectedEof {
            return Error::io("reading", what, cause);
        }
        let why = format!("the source shrank: it no longer has its {} bytes", self.size_bytes);
        Error::io("reading", what, io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }
}

/// A file system or other signature found on a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filesystem {
    /// As blkid spells it: `ext4`, `xfs`, `LVM2_member`.
    #[serde(rename = "type")]
    pub kind: String,
    /// UUID, as the file system's own tools print it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Label, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What a [`Source`] gave for the next bytes of its current extent.
#[derive(Debug)]
pub enum Piece {
    /// So many bytes were put at the start of the buffer; at least one.
    Data(usize),
    /// So many bytes cannot be read, for this reason.
    Unreadable {
        /// Length of the unreadable range, at least one byte and at most the length of the buffer.
        length: usize,
        /// Why.
        cause: io::Error,
    },
}

/// A device or image that is read once, front to back.
///
/// Contract: [`map`](Self::map) is asked once, first. Then [`next_extent`](Self::next_extent) gives the extents in ascending order, without
/// overlap; if there is a map, exactly those of the map. After each data extent, [`read`](Self::read) is called until all its bytes have been given; it is not called for zero extents.
/// A short or failed read is never passed off as zeros or as the end. After the last extent, [`finish`](Self::finish) is called once.
pub trait Source: Send {
    /// Size and identity; `size_bytes` does not change.
    fn device(&self) -> &Device;
    /// All extents, if they are known beforehand; a source that cannot know them (a change stream) gives `None`.
    fn map(&mut self) -> Result<Option<ExtentMap>>;
    /// The next extent, or `None` after the last.
    fn next_extent(&mut self) -> Result<Option<Extent>>;
    /// Reads the next bytes of the current data extent, never beyond its end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Piece>;
    /// Looks whether the source changed while it was read. A source that shrank is an error; other changes are sentences for the user.
    fn finish(&mut self) -> Result<Vec<String>>;
}

/// A device or image whose bytes can be read in any order. `source::scan` makes a [`Source`] of it.
pub trait Image: Send {
    /// Size and identity.
    fn device(&self) -> &Device;
    /// Where data is and where zeros are, covering the device without a gap; a range is zero only where that is certain.
    fn extents(&self) -> Result<ExtentMap>;
    /// Fills the whole buffer from `offset` on; a short read is an error.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Says that this range will be read soon.
    fn prefetch(&self, _offset: u64, _length: u64) {}
    /// Says that this range will not be read again, so that its cache can be given back.
    fn release(&self, _offset: u64, _length: u64) {}
    /// What changed since it was opened, as sentences for the user; an error if it shrank.
    fn changes(&self) -> Result<Vec<String>>;
}

/// What a restore lands on.
///
/// Contract: ranges lie within [`capacity`](Self::capacity). Nothing counts as restored, and nothing looks whole, before [`finish`](Self::finish) has returned `Ok`.
/// Dropping a target without it leaves no new file behind.
pub trait Target: Send {
    /// The target as the user named it.
    fn name(&self) -> &str;
    /// Size in bytes; of a new image, the size that it will have.
    fn capacity(&self) -> u64;
    /// Fills the buffer with what a reader of the target would see at `offset`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;
    /// Writes all bytes at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()>;
    /// Makes the range read as zero.
    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()>;
    /// Gives an image of which the size was not known when it was begun this one; it never cuts off anything. Nothing of a target that has its size.
    fn set_size(&mut self, _size_bytes: u64) -> Result<()> {
        Ok(())
    }
    /// Brings everything written so far to stable storage.
    fn sync(&mut self) -> Result<()>;
    /// Brings everything to stable storage and makes the result appear: the only thing that means success.
    fn finish(&mut self) -> Result<()>;
}

/// Where an archive is read from.
///
/// `read` may be short; 0 means the end. Whether an input can seek is decided by what it is, never by whether lseek succeeds (on a tape it does, and does nothing).
pub trait Input: Send {
    /// The input as the user named it.
    fn name(&self) -> &str;
    /// The length in bytes of an input that can seek; `None` for one that cannot.
    fn length(&self) -> Option<u64>;
    /// Reads on from the current position.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Goes to a position; only called where `length` is known, or behind [`tail`](Self::tail).
    fn seek_to(&mut self, position: u64) -> io::Result<()>;
    /// The last bytes of an input that can seek but does not know its length (a tape drive without addresses): all, or at least those in which an archive's
    /// end is found. `None` for every other input.
    fn tail(&mut self) -> Option<io::Result<Vec<u8>>> {
        None
    }
    /// Where the hole begins with which an input that can seek ends, if that is known without reading it: from there on it is zeros.
    fn hole_at_end(&mut self) -> Option<u64> {
        None
    }
    /// Tells such an input its length, which its archive gave away.
    fn set_length(&mut self, _length: u64) {}
    /// The size in bytes of the records in which it comes, once one was read; `None` for an input that does not come in records.
    fn record_bytes(&self) -> Option<u64> {
        None
    }
    /// Goes past what has just failed to read for this cause, for whoever wants all else that can be read: so many bytes are lost there, as far as the input can tell.
    /// `None` where nothing would be gained by reading on; then the failure stands.
    fn pass_unreadable(&mut self, _cause: &io::Error) -> Option<io::Result<u64>> {
        None
    }
}

/// Why a further medium is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediumReason {
    /// The one before is full, or its part of the archive was read.
    Next,
    /// What was given is not what is wanted, for this reason.
    Wrong(String),
}

/// The part of an archive that is wanted next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPart {
    /// The archive's id.
    pub id: String,
    /// The part's number, from 1.
    pub number: u64,
    /// Why it is wanted.
    pub reason: MediumReason,
}

/// Gives the media on which an archive goes on, one after another.
pub trait NextInput: Send {
    /// Opens the input that should hold this part; `None` if there is none and nobody to ask.
    fn next_input(&mut self, wanted: &WantedPart) -> Result<Option<Box<dyn Input>>>;
}

/// Where an archive goes, or what was extracted from one.
///
/// Takes whole members; of raw bytes, pieces of any length. Nothing looks complete before [`finish`](Self::finish) has returned `Ok`; dropping an output without it leaves no file behind.
pub trait Output: Send {
    /// The output as the user named it.
    fn name(&self) -> &str;
    /// Writes one member: its headers, its stored bytes and its padding, in order.
    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()>;
    /// Brings everything to stable storage and makes the result appear.
    fn finish(&mut self) -> Result<()>;
    /// Whether what is behind it loses time whenever it has nothing to write (a tape drive), so that a buffer in front of it is worth its memory.
    fn must_not_run_dry(&self) -> bool {
        false
    }
    /// The rate in bytes a second below which such an output has to stop, where that is known.
    fn slowest_rate(&mut self) -> Option<u64> {
        None
    }
    /// What an output can do on which an archive may go on from medium to medium; `None` for one that takes it whole.
    fn spanning(&mut self) -> Option<&mut dyn Spanning> {
        None
    }
}

/// What an archive's part says of the medium on which it lies (format-spec, section 4, `medium`).
///
/// All of it is information for whoever looks for a cartridge; no rule depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// The medium's id, from its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, from its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of the tape file, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u64>,
    /// Whether the drive compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive_compression: Option<bool>,
    /// The identifier of the key with which the drive encrypted; empty where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drive_encryption: Option<String>,
}

/// How a part ended that goes on elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEnded {
    /// The archive's id.
    pub id: String,
    /// The number of the part that ended, from 1.
    pub number: u64,
    /// Whether all that closes it was written; else the medium's hard end came first, and the next part repeats what was not down.
    pub closed: bool,
}

/// An output that takes an archive in parts, each on a medium of its own.
///
/// Contract: before each member its writer asks [`has_room`](Self::has_room) for that member and everything that closes the part. Where there is none it writes what closes the part
/// and calls [`next_medium`](Self::next_medium). Where a write failed and [`is_full`](Self::is_full) says why, the writer goes on from the last member within
/// [`down_bytes`](Self::down_bytes) in the same way.
pub trait Spanning {
    /// The medium of the current part, for its backup-info.
    fn medium(&self) -> Option<Medium>;
    /// What the user should know of the media so far, in sentences; each is given once.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }
    /// Size of the medium's records in bytes, to a multiple of which each part is padded; `None` where any size will do.
    fn record_bytes(&self) -> Option<u64>;
    /// The longest data member that it takes, where not any will do: what has to be written behind the early warning of a tape's end must be short.
    fn member_bytes_max(&self) -> Option<u64>;

    /// How long each part may be, where that is known and all may be as long: not of cartridges.
    fn part_bytes_max(&self) -> Option<u64> {
        None
    }
    /// Whether this medium can be expected to take so many bytes more.
    fn has_room(&mut self, bytes: u64) -> bool;
    /// How many bytes of the current part are certainly on the medium.
    fn down_bytes(&mut self) -> u64;
    /// Whether the write that failed last did so because the medium is full, and everything up to [`down_bytes`](Self::down_bytes) is there.
    fn is_full(&self) -> bool;
    /// Whether the write that failed last did so because the medium takes only records of the size that [`record_bytes`](Self::record_bytes) gives now: nothing of the
    /// part is there, and its writer begins it anew.
    fn begins_anew(&self) -> bool {
        false
    }
    /// Closes the medium, so that deferred errors are seen, and goes to the next; everything counts from 0 there. An error that leaves [`is_full`](Self::is_full) true means
    /// that the medium could not be closed: then it is called again with `closed` false.
    fn next_medium(&mut self, ended: &PartEnded) -> Result<()>;
}
