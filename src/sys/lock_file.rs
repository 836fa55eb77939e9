//! Locks that processes of this machine have by turns, and that the kernel takes from one that ends; with notes that outlast it, and a power cut.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Where the locks lie, nobody else's to write to: what the notes tell of outlasts the machine's next start. Where nothing can be written there, the second one.
const FOLDERS: [&str; 2] = ["/var/lib/blocktar", "/run/blocktar"];

/// A note is a number or a word.
const NOTE_BYTES_MAX: u64 = 4096;

/// A lock that is held until this is dropped, with a note for whoever has it next.
#[derive(Debug)]
pub struct LockFile(File);

impl LockFile {
    /// Takes the lock of this name; `None` while another process has it.
    pub fn try_take(name: &str) -> io::Result<Option<Self>> {
        let [lasting, passing] = FOLDERS.map(Path::new);
        match Self::try_take_in(lasting, name) {
            Err(cause) if cause.kind() == io::ErrorKind::ReadOnlyFilesystem => Self::try_take_in(passing, name),
            taken => taken,
        }
    }

    fn try_take_in(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let taken = Self::try_take_at(&folder.join(name))?;
        // The note is worth nothing if a power cut takes the file away.
        File::open(folder)?.sync_all()?;
        Ok(taken)
    }

    fn try_take_at(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(cause),
        }
    }

    /// What the one before has noted and not taken back.
    pub fn note(&mut self) -> io::Result<String> {
        self.0.rewind()?;
        let mut note = String::new();
        (&self.0).take(NOTE_BYTES_MAX).read_to_string(&mut note)?;
        Ok(note)
    }

    /// Notes something for the next one, which then is on stable storage; an empty note takes it back.
    pub fn set_note(&mut self, note: &str) -> io::Result<()> {
        self.0.rewind()?;
        self.0.set_len(0)?;
        self.0.write_all(note.as_bytes())?;
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_it_and_finds_the_note_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut first = LockFile::try_take_at(&path).unwrap().unwrap();
        assert!(LockFile::try_take_at(&path).unwrap().is_none());
        first.set_note("long ago").unwrap();
        first.set_note("42").unwrap();
        drop(first);
        let mut second = LockFile::try_take_in(folder.path(), "lock").unwrap().unwrap();
        assert_eq!(second.note().unwrap(), "42");
        second.set_note("").unwrap();
        assert_eq!(second.note().unwrap(), "");
    }
}
