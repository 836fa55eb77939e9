//! Finds the archives in a folder.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use blocktar::catalog::Beginning;
use blocktar::error::{Error, Result};
use blocktar::sys::partial_file;

use crate::remedy;

/// What a folder and the folders in it hold.
#[derive(Debug, Default)]
pub struct Inventory {
    /// What is an archive, or was meant to be one, in the order of the paths.
    pub archives: Vec<PathBuf>,
    /// What interrupted backups and restores have left.
    pub left_over: Vec<PathBuf>,
    /// How many other files there are.
    pub passed_over: u64,
    /// What could not be looked at.
    pub failures: Vec<Error>,
}

/// Looks through a folder and the folders in it.
///
/// Symbolic links, which would lead out of the folder or around in it, are passed over, and so is what a backup that is still running has written.
pub fn take(folder: &Path) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    let mut folders = Vec::new();
    inventory.look_through(folder, &mut folders)?;
    while let Some(folder) = folders.pop() {
        let failure = inventory.look_through(&folder, &mut folders).err();
        inventory.failures.extend(failure);
    }
    inventory.archives.sort();
    inventory.left_over.sort();
    Ok(inventory)
}

impl Inventory {
    /// Enters the files of one folder and notes the folders in it.
    fn look_through(&mut self, folder: &Path, folders: &mut Vec<PathBuf>) -> Result<()> {
        let failed = |error| Error::io("reading the folder", folder.display().to_string(), error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                self.enter(&entry);
            }
        }
        Ok(())
    }

    fn enter(&mut self, entry: &DirEntry) {
        let path = entry.path();
        if let Some(process) = partial_file::writer_of_partial(&entry.file_name()) {
            // A running process still writes it. (If the number has gone to another process meanwhile, nothing is said: no harm.)
            if !Path::new("/proc").join(process.to_string()).exists() {
                self.left_over.push(path);
            }
            return;
        }
        match is_meant_as_archive(&path) {
            Ok(true) => self.archives.push(path),
            Ok(false) => self.passed_over += 1,
            Err(error) => self.failures.push(Error::io("reading", path.display().to_string(), error)),
        }
    }
}

/// Whether this regular file is an archive, whole or not. One that is called a tar but holds none, not even its first header, is a broken archive.
fn is_meant_as_archive(path: &Path) -> io::Result<bool> {
    Ok(match remedy::beginning_of(path)? {
        Beginning::Archive | Beginning::SpoiledArchive => true,
        Beginning::Label | Beginning::OtherTar => false,
        Beginning::Other => path.extension().is_some_and(|extension| extension == "tar"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_passed_over_and_what_was_meant_as_an_archive_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        write("sub/text", b"text");
        write("zeros", &[0; 4096]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/loop")).unwrap();
        write("sub/empty.tar", b"");
        write("zeros.tar", &[0; 4096]);
        // No process has this number: Linux ends at 2^22.
        write(".x.tar.blocktar-4194305-1.partial", b"x");
        write(&format!(".y.tar.blocktar-{}-1.partial", std::process::id()), b"x");
        let found = take(folder.path()).unwrap();
        let named = |names: &[&str]| names.iter().map(|name| folder.path().join(name)).collect::<Vec<_>>();
        assert_eq!(found.archives, named(&["sub/empty.tar", "zeros.tar"]));
        assert_eq!(found.left_over, named(&[".x.tar.blocktar-4194305-1.partial"]));
        assert_eq!((found.passed_over, found.failures.len()), (2, 0));
    }
}
