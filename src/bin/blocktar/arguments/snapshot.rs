//! How a snapshot of a logical volume is taken.

use blocktar::client::lvm::SnapshotRequest;
use blocktar::location::Location;
use clap::Args;

use crate::sizes;

#[derive(Args, Debug)]
pub struct SnapshotArguments {
    /// Give the snapshot of a volume that is not thin this room for what is written meanwhile [default: a tenth of the volume, at least 256M]
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    pub snapshot_size: Option<u64>,
    /// Run this command before the snapshot is taken, to bring an application to rest
    #[arg(long, value_name = "COMMAND")]
    pub before_snapshot: Option<String>,
    /// Run this command when it was taken, or could not be
    #[arg(long, value_name = "COMMAND")]
    pub after_snapshot: Option<String>,
    /// Keep the snapshot when the archive is complete, by which the next increment knows what changed; it replaces the one that was kept before
    #[arg(long)]
    pub keep_snapshot: bool,
}

impl SnapshotArguments {
    /// Of what is read as it stands there is no snapshot.
    pub(super) fn check(&self, source: &Location) -> Result<(), String> {
        let given = [
            ("--snapshot-size", self.snapshot_size.is_some()),
            ("--before-snapshot", self.before_snapshot.is_some()),
            ("--after-snapshot", self.after_snapshot.is_some()),
            ("--keep-snapshot", self.keep_snapshot),
        ];
        match (source, given.iter().find(|(_, given)| *given)) {
            (Location::Path(path), Some((option, _))) => Err(format!(
                "{option} is for lvm:GROUP/VOLUME; {} is read as it stands, without a snapshot",
                path.display()
            )),
            _ => Ok(()),
        }
    }

    /// The same for the library.
    pub fn request(&self) -> SnapshotRequest {
        SnapshotRequest {
            size_bytes: self.snapshot_size,
            before: self.before_snapshot.clone(),
            after: self.after_snapshot.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};

    #[test]
    fn only_a_volume_has_a_snapshot() {
        let check = |line: &str| {
            let Command::Backup(backup) = parse(&format!("blocktar backup {line}")).unwrap().command else { panic!() };
            backup.check()
        };
        for option in ["--snapshot-size 1G", "--before-snapshot true", "--after-snapshot true", "--keep-snapshot"] {
            assert!(check(&format!("lvm:vg/lv {option}")).is_ok(), "{option}");
            assert!(check(&format!("/dev/vg/lv {option}")).unwrap_err().contains("as it stands"), "{option}");
        }
        assert!(parse("blocktar backup lvm:vg").unwrap_err().to_string().contains("lvm:GROUP/VOLUME"));
    }
}
