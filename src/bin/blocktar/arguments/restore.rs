//! What `restore` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use blocktar::plan::until::Until;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use super::{FurtherArguments, ReportArguments, SelectionArguments};
use crate::values::{self, Stream};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar restore /dev/vg/lv < backup.tar
  blocktar restore -i backup.tar new.img
  blocktar restore -i 'backup-%03d.tar' new.img
  blocktar restore -i backup-002.tar /dev/vg/lv --single-part
  blocktar restore -i full.tar -i inc1.tar -i inc2.tar /dev/vg/lv
  blocktar restore -i full.tar -i inc1.tar -i inc2.tar --until 2026-03-01 new.img
  blocktar restore -i inc1.tar --onto-parent /dev/vg/lv
  blocktar restore -i inc1.tar --onto-parent --check-parent full.tar /dev/vg/lv
  blocktar restore -i /dev/nst0 --name web1 /dev/vg/lv
  blocktar restore -i backup.tar /dev/vg/lv --dry-run
  ssh vault 'cat backup.tar' | blocktar restore new.img --read-back
  blocktar restore -i copy.tar --only lost.json new.img

A full and its increments are named in any order: each says on which state it builds. From pipes and tapes they are applied one after another, from \
files nothing is read that a newer one overrides.

Of a tape it is the archive before which the tape stands, unless --id, --name or --file chooses one; what an increment builds on is found there too, or asked for. Where none is named and \
standard input is a terminal, it is on the drive in the variable TAPE.";

/// What makes no sense where the target holds the parent.
const NOT_ONTO_PARENT: [&str; 5] = ["single_part", "only", "overwrite", "target_is_zero", "truncate"];

#[derive(Args, Debug)]
pub struct RestoreArguments {
    /// Write to this block device, or to a new image of this name
    pub target: PathBuf,
    /// Read the archive from this file instead of standard input; of a chain name the full and all increments, of an archive in parts all of them, in any order, or as they were written: 'backup-%03d.tar'
    #[arg(short, long, value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub input: Vec<Stream>,
    #[command(flatten)]
    pub further: FurtherArguments,
    /// Restore only what this part of an archive holds, into a device or image that exists, and leave the rest of it as it is
    #[arg(long, conflicts_with_all = ["only", "overwrite", "target_is_zero", "truncate", "next_medium"])]
    pub single_part: bool,
    /// Of a chain, restore the state of the archive whose id begins so, or of the last that was made at this time (UTC unless it says otherwise) or before
    #[arg(long, value_name = "ID|TIME", conflicts_with_all = ["single_part", "only"])]
    pub until: Option<Until>,
    /// Restore increments alone, onto a device or image that holds what they build on; the samples that they recorded are held against it first
    #[arg(long, conflicts_with_all = NOT_ONTO_PARENT)]
    pub onto_parent: bool,
    /// With --onto-parent, first hold all of this archive, which the increment builds on, against the target; of a chain name all
    #[arg(long, value_name = "ARCHIVE", requires = "onto_parent", conflicts_with_all = NOT_ONTO_PARENT)]
    pub check_parent: Vec<PathBuf>,
    /// Print what would be done and change nothing; with --onto-parent, the target is read and must hold the parent
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Replace an existing image, or a device that holds something
    #[arg(long)]
    pub overwrite: bool,
    /// Trust that the target reads as zero everywhere
    #[arg(long)]
    pub target_is_zero: bool,
    /// Read the target again and compare digests
    #[arg(long)]
    pub read_back: bool,
    /// Bring only the byte ranges that this file lists, and write them into what is there
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "overwrite", "target_is_zero", "read_back", "truncate"])]
    pub only: Option<PathBuf>,
    /// With --only, write the ranges that this archive does not hold either to this file
    #[arg(long, value_name = "FILE", requires = "only")]
    pub lost: Option<PathBuf>,
    /// Leave out what does not fit onto a smaller target
    #[arg(long)]
    pub truncate: bool,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub report: ReportArguments,
}
