//! What helps against an error: as the error itself says, unless the file looks to be something else than it says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use blocktar::catalog::{self, Beginning};
use blocktar::error::Error;

/// What helps, where that is known. What is called damaged because it never was an archive is not for `verify`.
pub fn of(error: &Error) -> Option<String> {
    let said = error.remedy().map(str::to_owned);
    let Error::Damaged { archive, .. } = error else { return said };
    match look(Path::new(archive)) {
        Ok(Some(Beginning::OtherTar)) => {
            Some("it looks to be a tar of another program: name an archive that blocktar wrote".to_owned())
        }
        Ok(Some(Beginning::Other)) => {
            Some("it does not begin as an archive: name one, or use another copy if it was one".to_owned())
        }
        // What cannot be looked at any more is told of as it was when it could.
        Ok(Some(Beginning::Archive | Beginning::SpoiledArchive | Beginning::Label) | None) | Err(_) => said,
    }
}

/// What it looks to be; nothing of a pipe, which cannot be read twice.
fn look(path: &Path) -> io::Result<Option<Beginning>> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_block_device() { beginning_of(path).map(Some) } else { Ok(None) }
}

/// What this file looks to be by its first block.
pub fn beginning_of(path: &Path) -> io::Result<Beginning> {
    let mut first = Vec::with_capacity(512);
    File::open(path)?.take(512).read_to_end(&mut first)?;
    Ok(catalog::beginning(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_as_an_archive_is_sent_to_verify() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let helps = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            of(&Error::damaged(path.to_string_lossy(), "it lies")).unwrap()
        };
        let mut header = [0; 512];
        header[..4].copy_from_slice(b"file");
        header[124..136].copy_from_slice(b"00000000000\0");
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(helps(&header).contains("of another program"));
        assert!(helps(&[7; 4096]).contains("does not begin as an archive"));
        assert!(
            helps(b"0193f000-0000-7000-8000-000000000000/PaxHeaders/backup-info.json").contains("`blocktar verify`")
        );
        assert!(of(&Error::damaged("standard input", "it lies")).unwrap().contains("`blocktar verify`"));
        assert!(of(&Error::damaged("/dev/zero", "it lies")).unwrap().contains("`blocktar verify`"));
    }
}
