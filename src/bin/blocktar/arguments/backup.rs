//! What `backup` takes.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use blocktar::archive::{Compression, DigestKind, limit};
use blocktar::location::Location;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::{BufferArguments, OutputArguments, ReportArguments, SinceArguments, SnapshotArguments};
use crate::{sizes, values};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar backup disk.img -o backup.tar --verify
  blocktar backup lvm:vg/root -o backup.tar
  blocktar backup lvm:vg/root --keep-snapshot --since full.tar -o increment.tar
  blocktar backup lvm:vg/db --before-snapshot 'db freeze' --after-snapshot 'db thaw' -o backup.tar
  blocktar backup /dev/vg/snap -o /dev/nst0
  blocktar backup /dev/vg/snap > /dev/nst0
  blocktar backup /dev/vg/snap -o /dev/nst0 --next-medium 'mtx next'
  blocktar backup disk.img --part-size 4G -o 'backup-%03d.tar'
  blocktar backup disk.img -o backup.tar --name web --meta vm=4711 --attach web.xml
  blocktar backup /dev/sdb --since full.tar -o monday.tar
  blocktar backup /dev/sdb --since full.tar --since monday.tar -o tuesday.tar
  blocktar backup /dev/sdb --since /backups --if-untracked full -o /backups/$(date +%F).tar

An increment since a full, or since a full and the increments behind it, holds what differs from them: everything is read and compared with the digests that their \
indexes have. What could not be read then is written. Of a folder the newest archive of this host, device and --name is taken, with all on which it builds; it is said which that are. \
Where the folder has none, --if-untracked full writes a full. --audit notes digests of unchanged ranges by which restore knows a target that holds the parent.

At the end of a tape, or between the files of --part-size, --next-medium COMMAND is run by sh with BLOCKTAR_MEDIUM (the drive or file), \
BLOCKTAR_PART (the number of the part that begins), BLOCKTAR_ARCHIVE (the id), BLOCKTAR_REASON (next or wrong) and BLOCKTAR_DIRECTION (write; read for --verify). \
It changes the cartridge, or prints the path of another drive or file; what else it says is shown. Without it you are asked at the terminal.

Of lvm:GROUP/VOLUME a snapshot is taken, read and removed, also when the backup fails or is interrupted; one that a killed blocktar has left behind is removed \
by the next backup of that volume. --after-snapshot is run whenever --before-snapshot was begun, whatever came of it; both by sh, with BLOCKTAR_VOLUME. Of a thin volume only what is mapped is read.

Sizes are bytes, or numbers with K, M, G, T (powers of 1024) or KB, MB, GB, TB (powers of 1000).";

#[derive(Args, Debug)]
pub struct BackupArguments {
    /// Read this block device or disk image, or a snapshot of lvm:GROUP/VOLUME
    #[arg(value_parser = OsStringValueParser::new().try_map(|text| Location::parse(&text)))]
    pub source: Location,
    #[command(flatten)]
    pub output: OutputArguments,
    #[command(flatten)]
    pub since: SinceArguments,
    /// Compress the data: none, zstd or zstd:LEVEL
    #[arg(long, value_name = "METHOD", default_value = "zstd:1", value_parser = values::compression)]
    pub compression: Compression,
    /// Prove each range with this digest: sha256 or blake3 [default: sha256; in an increment that of the archive before it]
    #[arg(long, value_name = "KIND", value_parser = values::digest)]
    pub digest: Option<DigestKind>,
    /// Cut data into members of at most this size, 64K to 64M [default: 1M, or less where --part-size has no room for it]
    #[arg(long, value_name = "SIZE", value_parser = values::extent_limit)]
    pub extent_limit: Option<u64>,
    /// Write records of this size, 512 bytes to 16M [default: 4K into a file, else 512K]
    #[arg(long, value_name = "SIZE", value_parser = values::record_size)]
    pub record_size: Option<u64>,
    /// Compress and digest with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    /// Call the backup this
    #[arg(long, value_name = "TEXT", value_parser = values::name)]
    pub name: Option<String>,
    /// Note this in the archive, up to 64 times
    #[arg(long, value_name = "KEY=VALUE", value_parser = values::meta)]
    pub meta: Vec<(String, String)>,
    /// Keep this file in the archive, such as a VM definition, up to 64 times
    #[arg(long, value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    #[command(flatten)]
    pub snapshot: SnapshotArguments,
    /// Note ranges that cannot be read as bad and go on
    #[arg(long)]
    pub keep_going: bool,
    /// Read at most this many bytes a second
    #[arg(long, value_name = "RATE", value_parser = sizes::parse_rate)]
    pub bwlimit: Option<NonZeroU64>,
    #[command(flatten)]
    pub buffer: BufferArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}

impl BackupArguments {
    /// Checks what no single option shows.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut keys: Vec<_> = self.meta.iter().map(|(key, _)| key).collect();
        keys.sort();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("--meta {} is given twice", twice[0]));
        }
        if keys.len() > limit::META_KEYS {
            let (count, most) = (keys.len(), limit::META_KEYS);
            return Err(format!("--meta is given {count} times; an archive keeps at most {most}"));
        }
        if self.attach.len() > limit::ATTACHED_FILES {
            let (count, most) = (self.attach.len(), limit::ATTACHED_FILES);
            return Err(format!("--attach is given {count} times; an archive keeps at most {most} files"));
        }
        self.snapshot.check(&self.source)?;
        self.output.check()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};

    #[test]
    fn sizes_are_held_to_the_limits_of_the_format() {
        for line in [
            "--extent-limit 32K",
            "--extent-limit 65M",
            "--extent-limit 65537",
            "--record-size 100",
            "--record-size 17M",
        ] {
            let error = parse(&format!("blocktar backup disk.img {line}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains("a multiple of"), "{error}");
        }
        assert!(parse("blocktar backup disk.img --extent-limit 64K --record-size 16M").is_ok());
    }

    #[test]
    fn a_key_of_meta_is_given_once() {
        let Command::Backup(twice) = parse("blocktar backup disk.img --meta a=1 --meta a=2").unwrap().command else {
            panic!()
        };
        assert!(twice.check().unwrap_err().contains("given twice"));
    }

    #[test]
    fn what_needs_an_output_file_says_so() {
        assert!(parse("blocktar backup disk.img --part-size 1G").is_err());
        for line in ["blocktar backup disk.img -o - --verify", "blocktar backup disk.img --verify"] {
            let Command::Backup(unnamed) = parse(line).unwrap().command else { panic!() };
            assert!(unnamed.check().unwrap_err().contains("-o FILE"), "{line}");
        }
    }
}
