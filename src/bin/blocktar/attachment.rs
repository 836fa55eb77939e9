//! Files that the user adds to an archive, made to fit the format (format-spec, sections 4 and 5).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use blocktar::archive::limit;
use blocktar::error::{Error, Result};

use crate::sizes;

/// Reads the files; each keeps its last name, with characters that the format does not allow as `_`.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut attached: Vec<(String, Vec<u8>)> = Vec::with_capacity(paths.len());
    for path in paths {
        let name = allowed_name(path).map_err(|why| refused(path, why, "attach a copy under a shorter, plain name"))?;
        if attached.iter().any(|(other, _)| *other == name) {
            let why = format!("another attached file is called {name} too");
            return Err(refused(path, why, "attach a copy under another name"));
        }
        attached.push((name, read(path)?));
    }
    Ok(attached)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io("reading", path.display().to_string(), error);
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long, without trusting its length.
    File::open(path).and_then(|file| file.take(limit::ATTACHED + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > limit::ATTACHED {
        let why =
            format!("it is longer than {}, the most that an attached file may have", sizes::short(limit::ATTACHED));
        return Err(refused(path, why, "keep it beside the archive, or compress it first"));
    }
    Ok(bytes)
}

fn refused(path: &Path, why: impl Into<String>, remedy: &str) -> Error {
    Error::refused(format!("attach {}", path.display()), why, Some(remedy.to_owned()))
}

fn allowed_name(path: &Path) -> std::result::Result<String, String> {
    let last = path.file_name().ok_or("the path ends without a file name")?.to_string_lossy();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._+=@-".contains(c);
    let name: String = last.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // A component of a member's name does not begin with a dot.
    let name = name.trim_start_matches('.');
    match name.len() {
        0 => Err("nothing is left of its name without the leading dots".to_owned()),
        1..=limit::ATTACHED_NAME => Ok(name.to_owned()),
        length => {
            Err(format!("its name has {length} characters; an attached file's has at most {}", limit::ATTACHED_NAME))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_what_the_format_allows() {
        let cases = [
            ("dir/web.xml", "web.xml"),
            ("Büro Server.xml", "B_ro_Server.xml"),
            (".config", "config"),
            ("a+b=c@d-e_f", "a+b=c@d-e_f"),
        ];
        for (path, name) in cases {
            assert_eq!(allowed_name(Path::new(path)).as_deref(), Ok(name));
        }
        let long = "x".repeat(51);
        for path in ["..", "/", "...", &long] {
            assert!(allowed_name(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn too_long_or_twice_the_same_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (small, large) = (folder.path().join("small"), folder.path().join("large"));
        std::fs::write(&small, "text").unwrap();
        std::fs::write(&large, vec![0; limit::ATTACHED as usize + 1]).unwrap();
        assert_eq!(read_all(std::slice::from_ref(&small)).unwrap(), [("small".to_owned(), b"text".to_vec())]);
        for paths in [vec![large], vec![small.clone(), small]] {
            assert!(matches!(read_all(&paths), Err(Error::Refused(_))));
        }
        assert!(matches!(read_all(&[folder.path().join("absent")]), Err(Error::Io(_))));
    }
}
