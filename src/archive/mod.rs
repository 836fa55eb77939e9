//! The archive format of `format-spec/README.md`: what is written and what reads it, over [`Input`](crate::stream::Input) and
//! [`Output`](crate::stream::Output) only. Nothing here opens a file or a device.

pub(crate) mod beginning;
pub(crate) mod block;
pub(crate) mod canonical;
pub(crate) mod digest;
pub(crate) mod end;
pub(crate) mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod label;
pub(crate) mod ledger;
pub(crate) mod map;
pub(crate) mod member;
pub(crate) mod pack;
pub(crate) mod reader;
pub(crate) mod restore_text;
pub(crate) mod rewrite;
pub(crate) mod text;
pub(crate) mod writer;

pub(crate) use reader::{Buffers, read_in_turn};

pub use digest::{Digest, DigestKind};
pub use end::End;
pub use frame::Compression;
pub use info::{Attached, BackupInfo, Kind, MapKind, Parent, Part, Sample, Set};
pub use label::Label;
pub use map::text_pieces as map_text;
pub(crate) use reader::Beside;
pub use reader::{DeviceSize, Faults, Proven, SalvageOptions, Salvaged, Salvager};
pub use reader::{Ending, Held, Inputs, Lacking, OpenArchive, OpenOptions, PartNews, Reading, Told, part_words};
pub use rewrite::RewriteRequest;
pub(crate) use rewrite::left_out;
pub use writer::{WrittenArchive, WrittenPart, extent_limit_within, part_bytes_min};

/// The limits of format-spec, section 11, in bytes where nothing else is said.
pub mod limit {
    /// Any number in an archive.
    pub const NUMBER: u64 = (1 << 53) - 1;
    /// A member's record.
    pub const RECORD: usize = 3072;
    /// `backup-info.json`.
    pub const BACKUP_INFO: u64 = 256 << 10;
    /// `medium.json` of a label.
    pub const LABEL: u64 = 64 << 10;
    /// `RESTORE.txt`.
    pub const RESTORE_TEXT: u64 = 64 << 10;
    /// One attached file.
    pub const ATTACHED: u64 = 4 << 20;
    /// An attached file's name, which must fit into the `x` header's name too.
    pub const ATTACHED_NAME: usize = 50;
    /// Number of attached files.
    pub const ATTACHED_FILES: usize = 64;
    /// A map that is stored plain; a longer one is compressed.
    pub const MAP_PLAIN: u64 = 1 << 20;
    /// The stored bytes of a map or an index.
    pub const TABLE_STORED: u64 = 64 << 20;
    /// The members that one index lists.
    pub const INDEX_MEMBERS: u64 = 65_536;
    /// `end.json`.
    pub const END: u64 = 900 << 10;
    /// From the end member's first block to the end of the second zero block.
    pub const CLOSING: u64 = 1 << 20;
    /// The shortest and the longest extent limit.
    pub const EXTENT: std::ops::RangeInclusive<u64> = 64 << 10..=64 << 20;
    /// The extent limit where nobody wants another.
    pub const EXTENT_DEFAULT: u64 = 1 << 20;
    /// The extent limit is a multiple of this.
    pub const EXTENT_STEP: u64 = 4096;
    /// The shortest and the longest record.
    pub const TAPE_RECORD: std::ops::RangeInclusive<u64> = 512..=16 << 20;
    /// A record is a multiple of this.
    pub const TAPE_RECORD_STEP: u64 = 512;
    /// The members that a part may hold beyond the first number of the next part.
    pub const TAKEN_BACK: u64 = 65_536;
    /// A member of an unknown kind that may be skipped.
    pub const OPTIONAL_STORED: u64 = 1 << 30;
    /// How deep the values of unknown keys nest.
    pub const NESTING: usize = 32;
    /// Bytes of `name`.
    pub const NAME: usize = 255;
    /// Bytes of a medium's name.
    pub const MEDIUM_NAME: usize = 64;
    /// Keys of `meta`.
    pub const META_KEYS: usize = 64;
    /// Bytes of one key of `meta`.
    pub const META_KEY: usize = 64;
    /// Bytes of one value of `meta`.
    pub const META_VALUE: usize = 1024;
    /// Samples of unchanged ranges in an increment.
    pub const SAMPLES: usize = 256;
    /// One of these samples.
    pub const SAMPLE: u64 = 4 << 20;
}

/// The only version of the format.
pub const FORMAT: u64 = 1;

#[cfg(test)]
pub(crate) mod tests;
