//! Archives in numbered files of a size that the user sets: `backup-%03d.tar`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::IoSlice;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::FileOutput;
use super::next_medium::{Answer, Direction, MediumKind, NextMedium, Question};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::stream::{Medium, MediumReason, Output, PartEnded, Spanning};
use crate::sys::partial_file::IfExists;

/// More digits than any number of parts has only make names that no file system takes.
const DIGITS_MAX: usize = 20;

/// What to do where a name is taken.
const TAKEN_REMEDY: &str = "choose another name, or remove such files first: `--overwrite` replaces no parts, as the old archive would be gone if the new one fails";

/// A path with one place for a number: `%d`, or `%03d` for three digits at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedPath {
    before: OsString,
    digits: usize,
    behind: OsString,
}

impl NumberedPath {
    /// Reads a path that has exactly one such place in its file name; any other `%` stands for itself.
    pub fn parse(path: &Path) -> Option<Self> {
        let bytes = path.as_os_str().as_bytes();
        let mut places =
            (0..bytes.len()).filter_map(|at| place(&bytes[at..]).map(|(digits, length)| (at, digits, length)));
        let (at, digits, length) = places.next().filter(|_| places.next().is_none())?;
        let behind = OsStr::from_bytes(&bytes[at + length..]).to_owned();
        let is_name = !behind.as_bytes().contains(&b'/');
        is_name.then(|| Self { before: OsStr::from_bytes(&bytes[..at]).to_owned(), digits, behind })
    }

    /// The path of the part of this number.
    pub fn path(&self, number: u64) -> PathBuf {
        let digits = self.digits;
        let mut path = self.before.clone();
        path.push(format!("{number:0digits$}"));
        path.push(&self.behind);
        path.into()
    }

    /// The files that have a name of this kind, whatever their numbers, in the order of these.
    pub fn existing(&self) -> Result<Vec<PathBuf>> {
        let first = self.path(1);
        let folder = first.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |cause| Error::io("looking into", folder.display().to_string(), cause);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            numbers.extend(self.number_of(&entry.map_err(failed)?.file_name()));
        }
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| self.path(number)).collect())
    }

    /// The number in a file name of this kind.
    fn number_of(&self, name: &OsStr) -> Option<u64> {
        let before = self.before.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let digits = name.as_bytes().strip_prefix(before)?.strip_suffix(self.behind.as_bytes())?;
        let number =
            std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|one| one.is_ascii_digit()))?;
        let number = number.parse().ok()?;
        (self.path(number).file_name() == Some(name)).then_some(number)
    }
}

/// Digits and length of the place for a number that a text begins with.
fn place(text: &[u8]) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(b"%")?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = match &rest[..length] {
        [] => 1,
        [b'0', digits @ ..] if !digits.is_empty() => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    (rest.get(length) == Some(&b'd') && (1..=DIGITS_MAX).contains(&digits)).then_some((digits, length + 2))
}

/// An archive in files of at most so many bytes, each a part of its own.
///
/// A file gets its name when its part is complete, so that a command between two parts can take it away. Until the last one has its name they are no archive: the
/// end of each says that another follows. Dropped before [`finish`](Output::finish) has succeeded, all of them go. No file is ever replaced: what a part of another
/// archive gave way to would be gone if this one fails, and one of this archive would be missing from it.
#[derive(Debug)]
pub struct NumberedOutput {
    paths: NumberedPath,
    part_bytes: u64,
    next_medium: NextMedium,
    progress: Arc<Progress>,
    current: FileOutput,
    current_path: PathBuf,
    written_bytes: u64,
    /// The parts that have their names.
    named: Vec<PathBuf>,
}

impl NumberedOutput {
    /// Begins with the first file; refused if any file of such a name exists.
    pub fn create(
        paths: NumberedPath,
        part_bytes: u64,
        next_medium: NextMedium,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        if let Some(found) = paths.existing()?.first() {
            let why = format!("{} exists already, and would be taken for a part of the new archive", found.display());
            return Err(Error::refused(
                format!("write {}", paths.path(1).display()),
                why,
                Some(TAKEN_REMEDY.to_owned()),
            ));
        }
        let current_path = paths.path(1);
        let current = begin_file(&current_path, progress)?;
        let progress = Arc::clone(progress);
        let (written_bytes, named) = (0, Vec::new());
        Ok(Self { paths, part_bytes, next_medium, progress, current, current_path, written_bytes, named })
    }

    /// Gives the current file its name.
    fn name_current(&mut self) -> Result<()> {
        self.current.finish()?;
        // Part of an archive that is not complete: it goes if the process must leave at once.
        self.progress.register_partial(&self.current_path);
        self.named.push(self.current_path.clone());
        Ok(())
    }
}

/// Begins a file of a name that is free.
fn begin_file(path: &Path, progress: &Arc<Progress>) -> Result<FileOutput> {
    FileOutput::create(path, IfExists::Refuse, progress).map_err(|error| match error {
        Error::Refused(_) => error.with_remedy(TAKEN_REMEDY),
        error => error,
    })
}

impl Output for NumberedOutput {
    fn name(&self) -> &str {
        self.current.name()
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        self.current.write_member(pieces)?;
        self.written_bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.current.finish()?;
        self.named.drain(..).for_each(|path| self.progress.forget_partial(&path));
        Ok(())
    }

    fn spanning(&mut self) -> Option<&mut dyn Spanning> {
        Some(self)
    }
}

impl Spanning for NumberedOutput {
    fn medium(&self) -> Option<Medium> {
        None
    }

    fn record_bytes(&self) -> Option<u64> {
        None
    }

    fn member_bytes_max(&self) -> Option<u64> {
        None
    }

    fn part_bytes_max(&self) -> Option<u64> {
        Some(self.part_bytes)
    }

    fn has_room(&mut self, bytes: u64) -> bool {
        self.written_bytes + bytes <= self.part_bytes
    }

    fn down_bytes(&mut self) -> u64 {
        self.written_bytes
    }

    /// A file system that is full is no medium that is: what was written may not be there either, so that it is an error.
    fn is_full(&self) -> bool {
        false
    }

    fn next_medium(&mut self, ended: &PartEnded) -> Result<()> {
        self.name_current()?;
        let number = ended.number + 1;
        let mut path = self.paths.path(number);
        if self.next_medium.has_command() {
            let question = Question {
                device: &self.current_path.to_string_lossy(),
                kind: MediumKind::File,
                part: number,
                archive: &ended.id,
                reason: &MediumReason::Next,
                direction: Direction::Write,
            };
            if let Answer::GoOnWith(other) = self.next_medium.ask(&question)? {
                path = other;
            }
        }
        self.current = begin_file(&path, &self.progress)?;
        (self.current_path, self.written_bytes) = (path, 0);
        Ok(())
    }
}

impl Drop for NumberedOutput {
    fn drop(&mut self) {
        for path in self.named.drain(..) {
            // One that somebody moved away already is known by its end as a part behind which another must follow.
            let _ = fs::remove_file(&path);
            self.progress.forget_partial(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Option<NumberedPath> {
        NumberedPath::parse(Path::new(path))
    }

    #[test]
    fn a_path_has_one_place_for_a_number() {
        for (path, first, twelfth) in [
            ("a-%d.tar", "a-1.tar", "a-12.tar"),
            ("/b/%03d", "/b/001", "/b/012"),
            ("100%-%01d", "100%-1", "100%-12"),
            ("a%3d-%d", "a%3d-1", "a%3d-12"),
        ] {
            let paths = parse(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((paths.path(1), paths.path(12)), (first.into(), twelfth.into()));
        }
        for path in ["a.tar", "%d-%d", "%d/a.tar", "%s", "%0d", "%3d", "%", "%099d", "%"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn files_of_such_a_name_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["p-001.tar", "p-012.tar", "p-1.tar", "p-1234.tar", "p-.tar", "p-00a.tar", "q-001.tar"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let paths = parse(folder.path().join("p-%03d.tar").to_str().unwrap()).unwrap();
        let found = paths.existing().unwrap();
        assert_eq!(found, [paths.path(1), paths.path(12), paths.path(1234)]);
    }

    #[test]
    fn parts_have_their_names_one_after_the_other_and_go_if_the_last_does_not_come() {
        let folder = tempfile::tempdir().unwrap();
        let paths = parse(folder.path().join("%d.tar").to_str().unwrap()).unwrap();
        let create = || NumberedOutput::create(paths.clone(), 100, NextMedium::default(), &Arc::default());
        let ended = |number| PartEnded { id: String::new(), number, closed: true };
        for finishes in [false, true] {
            let mut output = create().unwrap();
            output.write_member(&[IoSlice::new(&[7; 90])]).unwrap();
            assert!(output.has_room(10) && !output.has_room(11));
            assert!(!paths.path(1).exists());
            output.next_medium(&ended(1)).unwrap();
            assert!(paths.path(1).exists() && output.has_room(100));
            output.next_medium(&ended(2)).unwrap();
            if finishes {
                output.finish().unwrap();
            }
            drop(output);
            assert_eq!(paths.existing().unwrap().len(), if finishes { 3 } else { 0 });
        }
        let error = create().unwrap_err();
        assert!(error.to_string().contains("1.tar exists already") && error.remedy().is_some(), "{error}");
    }
}
