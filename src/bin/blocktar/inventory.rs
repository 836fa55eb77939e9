//! Finds the archives in a folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use blocktar::catalog;
use blocktar::error::{Error, Result};

/// The archives in a folder and the folders in it, in the order of their paths.
///
/// Files that are something else are passed over; so are symbolic links, which would lead out of the folder or around in it, and
/// what a backup that is still running has written.
pub fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| Error::io("reading the folder", folder.display().to_string(), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !is_partial(&path) && is_archive(&path)? {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether this regular file begins as an archive does.
pub fn is_archive(path: &Path) -> Result<bool> {
    let mut first = Vec::with_capacity(512);
    let failed = |error| Error::io("reading", path.display().to_string(), error);
    File::open(path).and_then(|file| file.take(512).read_to_end(&mut first)).map_err(failed)?;
    Ok(<&[u8; 512]>::try_from(first.as_slice()).is_ok_and(catalog::is_archive))
}

fn is_partial(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".partial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/text"), "text").unwrap();
        fs::write(folder.path().join("zeros"), [0; 4096]).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/loop")).unwrap();
        assert_eq!(archives(folder.path()).unwrap(), Vec::<PathBuf>::new());
        assert!(is_partial(Path::new("/a/.x.tar.blocktar-1-1.partial")) && !is_partial(Path::new("/a/x.partial")));
    }
}
