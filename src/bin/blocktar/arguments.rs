//! What was typed, parsed into types that cannot be wrong.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use blocktar::archive::{Compression, DigestKind, limit};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::talk::Talk;
use crate::values::{self, Stream};
use crate::{exit_code, sizes};

const EXAMPLES: &str = "\
Examples:
  blocktar backup /dev/vg/snap > backup.tar
  blocktar backup /dev/vg/snap | ssh vault 'cat > backup.tar'
  blocktar restore /dev/vg/lv < backup.tar
  blocktar restore -i backup.tar new.img
  blocktar list FOLDER
  blocktar verify backup.tar";

const BACKUP_EXAMPLES: &str = "\
Examples:
  blocktar backup disk.img -o backup.tar --verify
  blocktar backup /dev/vg/snap | dd of=/dev/nst0 bs=512k iflag=fullblock
  blocktar backup /dev/vg/snap | ssh vault 'mbuffer -s 512k -o /dev/nst0'
  blocktar backup disk.img -o backup.tar --name web --meta vm=4711 --attach web.xml

Sizes are bytes, or numbers with K, M, G, T (powers of 1024) or KB, MB, GB, TB (powers of 1000).";

const RESTORE_EXAMPLES: &str = "\
Examples:
  blocktar restore /dev/vg/lv < backup.tar
  blocktar restore -i backup.tar new.img
  blocktar restore -i backup.tar /dev/vg/lv --dry-run
  ssh vault 'cat backup.tar' | blocktar restore new.img --read-back";

const LIST_EXAMPLES: &str = "\
Examples:
  blocktar list backup.tar
  blocktar list /srv/backups
  dd if=/dev/nst0 bs=512k | blocktar list";

const INFO_EXAMPLES: &str = "\
Examples:
  blocktar info backup.tar
  blocktar info backup.tar --attached web.xml > web.xml";

const VERIFY_EXAMPLES: &str = "\
Examples:
  blocktar verify backup.tar
  ssh vault 'cat backup.tar' | blocktar verify";

/// Back up block devices and disk images as one sequential tar, and bring them back byte for byte
#[derive(Debug, Parser)]
#[command(name = "blocktar", version, after_help = help_end(EXAMPLES))]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 100)]
    quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true, display_order = 100)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an archive of a device or image
    #[command(after_help = help_end(BACKUP_EXAMPLES))]
    Backup(BackupArguments),
    /// Bring an archive back onto a device or into a new image
    #[command(after_help = help_end(RESTORE_EXAMPLES))]
    Restore(RestoreArguments),
    /// Print one line for each archive
    #[command(after_help = help_end(LIST_EXAMPLES))]
    List(ListArguments),
    /// Print all that is known of one archive
    #[command(after_help = help_end(INFO_EXAMPLES))]
    Info(InfoArguments),
    /// Read an archive through and say what is wrong with it
    #[command(after_help = help_end(VERIFY_EXAMPLES))]
    Verify(VerifyArguments),
}

#[derive(Args, Debug)]
pub struct BackupArguments {
    /// Read this block device or disk image
    pub source: PathBuf,
    /// Write the archive to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub output: Option<Stream>,
    /// Replace the output file if it exists
    #[arg(long, requires = "output")]
    pub overwrite: bool,
    /// Compress the data: none, zstd or zstd:LEVEL
    #[arg(long, value_name = "METHOD", default_value = "zstd:1", value_parser = values::compression)]
    pub compression: Compression,
    /// Prove each range with this digest: sha256 or blake3
    #[arg(long, value_name = "KIND", default_value = "sha256", value_parser = values::digest)]
    pub digest: DigestKind,
    /// Cut data into members of at most this size, 64K to 64M
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = values::extent_limit)]
    pub extent_limit: u64,
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
    /// Note ranges that cannot be read as bad and go on
    #[arg(long)]
    pub keep_going: bool,
    /// Read at most this many bytes a second
    #[arg(long, value_name = "RATE", value_parser = sizes::parse_rate)]
    pub bwlimit: Option<NonZeroU64>,
    /// Read the output file again and verify it
    #[arg(long, requires = "output")]
    pub verify: bool,
    #[command(flatten)]
    pub report: ReportArguments,
}

#[derive(Args, Debug)]
pub struct RestoreArguments {
    /// Write to this block device, or to a new image of this name
    pub target: PathBuf,
    /// Read the archive from this file instead of standard input
    #[arg(short, long, value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub input: Option<Stream>,
    /// Print what would be done and change nothing
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
    /// Leave out what does not fit onto a smaller target
    #[arg(long)]
    pub truncate: bool,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub report: ReportArguments,
}

#[derive(Args, Debug)]
pub struct ListArguments {
    /// Look at these files and folders instead of standard input
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub places: Vec<Stream>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct InfoArguments {
    /// Look at this archive instead of standard input
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Option<Stream>,
    /// Write this attached file to standard output
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    pub attached: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Read this archive instead of standard input
    #[arg(value_name = "ARCHIVE", value_parser = OsStringValueParser::new().map(Stream::from))]
    pub archive: Option<Stream>,
    /// Decompress and check with this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = values::threads)]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub report: ReportArguments,
}

/// How programs and people learn what happens.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReportArguments {
    /// Print a summary for programs when done
    #[arg(long)]
    pub json: bool,
    /// Show progress on standard error
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub progress: ProgressChoice,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A bar if standard error is a terminal
    Auto,
    /// A bar
    Bar,
    /// One JSON object each second
    Json,
    /// Nothing
    None,
}

impl Arguments {
    /// Parses the command line, or says why not, or what `--help` asked for.
    pub fn try_parse_all() -> Result<Self, clap::Error> {
        let arguments = Self::try_parse()?;
        if let Command::Backup(backup) = &arguments.command {
            backup.check().map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        }
        Ok(arguments)
    }

    /// How much to say.
    pub fn talk(&self) -> Talk {
        match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        }
    }
}

impl BackupArguments {
    /// Checks what no single option shows.
    fn check(&self) -> Result<(), String> {
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
        if self.verify && self.output.as_ref().is_none_or(|output| output.path().is_none()) {
            return Err("--verify reads the archive again: it needs `-o FILE`".to_owned());
        }
        Ok(())
    }
}

fn help_end(examples: &str) -> String {
    format!("{examples}\n\n{}", exit_code::help())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_lines_end_without_a_full_stop() {
        let command = Arguments::command();
        for subcommand in command.get_subcommands() {
            for argument in subcommand.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{}: {help}", argument.get_id());
            }
            let end = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(end.contains("Exit codes:"), "{}", subcommand.get_name());
        }
    }

    #[test]
    fn a_dash_is_the_standard_stream() {
        let Command::Verify(verify) = parse("blocktar verify -").unwrap().command else { panic!() };
        assert_eq!(verify.archive.unwrap().path(), None);
        let Command::Verify(verify) = parse("blocktar verify a.tar").unwrap().command else { panic!() };
        assert_eq!(verify.archive.unwrap().path(), Some(Path::new("a.tar")));
    }

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
        assert!(parse("blocktar backup disk.img --verify").is_err());
        assert!(parse("blocktar backup disk.img --overwrite").is_err());
        let Command::Backup(dash) = parse("blocktar backup disk.img -o - --verify").unwrap().command else { panic!() };
        assert!(dash.check().unwrap_err().contains("-o FILE"));
    }

    #[test]
    fn quiet_and_verbose_exclude_each_other_and_may_stand_anywhere() {
        assert_eq!(parse("blocktar -q list").unwrap().talk(), Talk::Quiet);
        assert_eq!(parse("blocktar list -v").unwrap().talk(), Talk::Verbose);
        assert_eq!(parse("blocktar list").unwrap().talk(), Talk::Normal);
        assert!(parse("blocktar list -q -v").is_err());
    }
}
