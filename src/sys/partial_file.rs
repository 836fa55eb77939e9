//! A file that gets its name only when it is complete and on stable storage.
#![allow(unsafe_code)] // for renameat2, which nix does not have for every C library

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::libc;

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::sys::device_folder;

/// What happens to a file that already has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// The operation is refused, at the start or, if the file appeared meanwhile, at the end.
    Refuse,
    /// The complete new file takes its place, with its mode and, if permitted, its owner.
    Replace,
}

/// A file under a temporary name beside its final path.
///
/// The temporary name is `.NAME.blocktar-<process>-<number>.partial`, mode 0600. [`commit`](Self::commit) gives the file its name;
/// dropping it before that removes it. It is on the progress's list, so that a process that must leave at once can
/// remove it too.
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    name: String,
    if_exists: IfExists,
    progress: Arc<Progress>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Partial,
    /// A commit failed. A second fsync would succeed although the content is not there: the kernel reports a failed
    /// write-out once.
    Failed,
    Committed,
}

/// Numbers the partial files of this process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A file name has at most 255 bytes (`NAME_MAX`); the temporary name needs some of them for itself.
const NAME_PREFIX_BYTES: usize = 200;

impl PartialFile {
    /// Begins a file that will be named `path`.
    ///
    /// Refused if that name is taken by anything but a regular file, or by a regular file and it is not to be replaced.
    /// Of a symbolic link to a file, the file behind it is meant.
    pub fn create(path: &Path, if_exists: IfExists, progress: &Arc<Progress>) -> Result<Self> {
        let name = path.display().to_string();
        existing(path, &name, if_exists)?;
        let path = resolve(path).map_err(|cause| Error::io("resolving", &name, cause))?;
        device_folder::refuse_file_in(folder_of(&path), &name)?;
        let (file, partial) = create_beside(&path).map_err(|cause| Error::io("creating", &name, cause))?;
        progress.register_partial(&partial);
        Ok(Self { file, partial, path, name, if_exists, progress: Arc::clone(progress), state: State::Partial })
    }

    /// The file, open for reading and writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The final path as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brings the content to stable storage, then gives the file its name, then makes the name stable too.
    ///
    /// If the last step fails, the complete file has its name, but a power cut might take that name away. Once it has
    /// succeeded, further calls do nothing; once it has failed, they fail.
    pub fn commit(&mut self) -> Result<()> {
        match self.state {
            State::Committed => return Ok(()),
            State::Failed => {
                return Err(Error::io("finishing", &self.name, io::Error::other("an earlier attempt failed")));
            }
            State::Partial => self.state = State::Failed,
        }
        self.sync()?;
        self.rename()?;
        self.state = State::Committed;
        self.progress.forget_partial(&self.partial);
        sync_folder(folder_of(&self.path)).map_err(|cause| Error::io("syncing the folder of", &self.name, cause))
    }

    fn sync(&self) -> Result<()> {
        let replaced = match self.if_exists {
            IfExists::Replace => existing(&self.path, &self.name, IfExists::Replace)?,
            IfExists::Refuse => None,
        };
        set_final_mode(&self.file, replaced.as_ref())
            .map_err(|cause| Error::io("setting the mode of", &self.name, cause))?;
        self.file.sync_all().map_err(|cause| Error::io("syncing", &self.name, cause))
    }

    fn rename(&self) -> Result<()> {
        let renamed = match self.if_exists {
            IfExists::Replace => fs::rename(&self.partial, &self.path),
            IfExists::Refuse => rename_without_replacing(&self.partial, &self.path),
        };
        renamed.map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.name, "a file of that name appeared meanwhile"),
            _ => Error::io("naming", &self.name, cause),
        })
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.state != State::Committed {
            let _ = fs::remove_file(&self.partial);
            self.progress.forget_partial(&self.partial);
        }
    }
}

/// Looks at what has the name now, and whether it may be replaced.
fn existing(path: &Path, name: &str, if_exists: IfExists) -> Result<Option<Metadata>> {
    let found = match fs::symlink_metadata(path) {
        Ok(link) if link.is_symlink() => fs::metadata(path).map_err(|cause| {
            let remedy = "remove the link, or make what it leads to".to_owned();
            Error::refused(format!("write {name}"), format!("it is a symbolic link to nowhere ({cause})"), Some(remedy))
        })?,
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("looking at", name, error)),
    };
    match (found.is_file(), if_exists) {
        (false, _) => {
            let remedy = "choose another name".to_owned();
            Err(Error::refused(format!("write {name}"), "it exists and is not a regular file", Some(remedy)))
        }
        (true, IfExists::Refuse) => Err(exists(name, "it exists already")),
        (true, IfExists::Replace) => Ok(Some(found)),
    }
}

fn exists(name: &str, why: &str) -> Error {
    let remedy = "choose another name, or give `--overwrite` to replace the file".to_owned();
    Error::refused(format!("write {name}"), why, Some(remedy))
}

/// The absolute path, with a symbolic link at its end followed: the rename must replace the file, not the link.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()) {
        return fs::canonicalize(path);
    }
    std::path::absolute(path)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    // `file_name` skips a trailing slash; a path with one names a folder.
    let is_folder = path.as_os_str().as_bytes().ends_with(b"/");
    let name = path.file_name().filter(|_| !is_folder).ok_or(io::ErrorKind::IsADirectory)?;
    loop {
        let partial = folder_of(path).join(partial_name(name, NUMBER.fetch_add(1, Relaxed)));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&partial) {
            Ok(file) => return Ok((file, partial)),
            // Left behind by a killed process that had the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
    }
}

fn partial_name(name: &OsStr, number: u32) -> OsString {
    let bytes = name.as_bytes();
    let mut partial = OsString::from(".");
    partial.push(OsStr::from_bytes(&bytes[..bytes.len().min(NAME_PREFIX_BYTES)]));
    partial.push(format!(".blocktar-{}-{number}.partial", std::process::id()));
    partial
}

/// The process that writes or wrote the partial file of this name, if it is the name of one.
pub fn writer_of_partial(name: &OsStr) -> Option<u32> {
    let name = name.to_string_lossy();
    let (of, numbers) = name.strip_prefix('.')?.strip_suffix(".partial")?.rsplit_once(".blocktar-")?;
    let (process, number) = numbers.split_once('-')?;
    number.parse::<u32>().ok().filter(|_| !of.is_empty())?;
    process.parse().ok()
}

/// Gives the file the mode and owner of the one that it replaces, or the mode that any new file would have.
///
/// Where the owner cannot be kept, group and others get nothing: they would be another group's.
fn set_final_mode(file: &File, replaced: Option<&Metadata>) -> io::Result<()> {
    let mode = match replaced {
        Some(old) if fchown(file, Some(old.uid()), Some(old.gid())).is_ok() => old.mode() & 0o777,
        Some(old) => old.mode() & 0o700,
        None => 0o666 & !umask(),
    };
    file.set_permissions(Permissions::from_mode(mode))
}

/// The process's umask, from `/proc/self/status` (since Linux 4.7; proc(5)): umask(2) can only tell it by changing it,
/// for all threads. Without /proc the file stays private.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:")).map(str::trim);
    digits.and_then(|digits| u32::from_str_radix(digits, 8).ok()).unwrap_or(0o077)
}

/// Renames, unless the new name is taken; then the error is `AlreadyExists`.
///
/// NFS and some FUSE file systems cannot do it in one step (`EINVAL`, rename(2)); there a hard link does it, and where
/// there are none, an empty file that takes the name first and is then replaced.
fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match rename_no_replace(from, to) {
        Err(error) if cannot(&error) => {}
        result => return result,
    }
    match fs::hard_link(from, to) {
        Err(error) if cannot(&error) => rename_onto_own_placeholder(from, to),
        Err(error) => Err(error),
        Ok(()) => fs::remove_file(from),
    }
}

/// Whether the file system cannot do this at all. `EPERM` is link(2)'s word for that.
fn cannot(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM))
}

fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    // SAFETY: both are strings that end in NUL and live until the call returns.
    let result =
        unsafe { libc::renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::RENAME_NOREPLACE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn rename_onto_own_placeholder(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

/// Makes the names in a folder stable. Some file systems cannot sync a folder and say `EINVAL`: their names are stable
/// at once, or nobody can make them so.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    fn create(path: &Path, if_exists: IfExists) -> Result<PartialFile> {
        PartialFile::create(path, if_exists, &Arc::default())
    }

    #[test]
    fn has_its_name_only_after_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let mut partial = create(&path, IfExists::Refuse).unwrap();
        partial.file().write_all(b"content").unwrap();
        assert!(!path.exists());
        assert_eq!(partial.file().metadata().unwrap().mode() & 0o777, 0o600);
        partial.commit().unwrap();
        partial.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666 & !umask());
        assert_eq!(names(folder.path()), ["image"]);
    }

    #[test]
    fn leaves_nothing_without_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        drop(create(&path, IfExists::Refuse).unwrap());
        let progress = Arc::new(Progress::default());
        let partial = PartialFile::create(&path, IfExists::Refuse, &progress).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        progress.remove_partials();
        assert!(names(folder.path()).is_empty());
        drop(partial);
    }

    #[test]
    fn refuses_what_exists_and_what_appears() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let mut late = create(&path, IfExists::Refuse).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(late.commit(), Err(Error::Refused(_))));
        let error = create(&path, IfExists::Refuse).unwrap_err();
        assert!(error.remedy().unwrap().contains("--overwrite"), "{error}");
        drop(late);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["image"]);
        for other in [folder.path(), Path::new("/dev/null"), &folder.path().join("no/such"), Path::new("new/")] {
            create(other, IfExists::Replace).unwrap_err();
        }
    }

    #[test]
    fn each_way_to_rename_spares_a_file_that_is_there() {
        for rename in [rename_no_replace, rename_without_replacing, rename_onto_own_placeholder] {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (folder.path().join("from"), folder.path().join("to"));
            fs::write(&from, "new").unwrap();
            fs::write(&to, "old").unwrap();
            assert_eq!(rename(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&to).unwrap(), b"old");
            fs::remove_file(&to).unwrap();
            rename(&from, &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"new");
            assert!(!from.exists());
        }
    }

    #[test]
    fn replaces_the_file_behind_a_link_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("image"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("image", &link).unwrap();
        let mut partial = create(&link, IfExists::Replace).unwrap();
        partial.file().write_all(b"new").unwrap();
        partial.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn partial_names_name_their_writer() {
        let name = partial_name(OsStr::new("web.blocktar-1.tar"), 7);
        assert_eq!(writer_of_partial(&name), Some(std::process::id()));
        for other in [
            ".x.partial",
            "x.blocktar-1-2.partial",
            ".blocktar-1-2.partial",
            ".x.blocktar-1-2",
            ".x.blocktar-a-2.partial",
        ] {
            assert_eq!(writer_of_partial(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn the_longest_name_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        create(&path, IfExists::Refuse).unwrap().commit().unwrap();
        assert!(path.exists());
    }
}
