//! Where an archive's bytes land: what must be known of it, and what is unsafe to write onto.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

use blocktar::error::{Error, Result};
use blocktar::plan::TargetFacts;
use blocktar::signature;
use blocktar::sys::uses;

use crate::identity;
use crate::values::shell_word;

/// A target before it is opened, and what is to be done with it.
#[derive(Clone, Copy)]
pub struct Landing<'a> {
    /// The command's name.
    pub verb: &'static str,
    /// The target as the user named it.
    pub target: &'a Path,
}

impl Landing<'_> {
    /// What the plan must know of the target, found without opening it for writing.
    pub fn facts(&self, overwrite: bool) -> Result<TargetFacts> {
        let target = self.target;
        let name = target.display().to_string();
        let new_image = TargetFacts { name: name.clone(), capacity: None };
        let kind = match fs::metadata(target) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(new_image),
            Err(error) => return Err(Error::io("looking at", name, error)),
        };
        if kind.is_block_device() {
            let mut device = File::open(target).map_err(|error| Error::io("opening", &name, error))?;
            let end = device.seek(SeekFrom::End(0));
            let capacity = end.map_err(|error| Error::io("asking for the size of", &name, error))?;
            if !overwrite {
                self.refuse_signature(&device, capacity)?;
            }
            return Ok(TargetFacts { name, capacity: Some(capacity) });
        }
        if kind.is_dir() {
            let image = shell_word(&target.join("disk.img"));
            return Err(self.refused("it is a folder", format!("name a new image in it: {image}")));
        }
        if !kind.is_file() {
            let remedy = "name a block device or a new image".to_owned();
            return Err(self.refused("it is neither a block device nor an image", remedy));
        }
        if !overwrite {
            let remedy = "name a new image, or replace this one with --overwrite".to_owned();
            return Err(self.refused("an image of this name exists", remedy));
        }
        self.refuse_used_image()?;
        // It stays until the new image is complete, and is then replaced.
        Ok(new_image)
    }

    /// Whoever has mounted an image would go on with the old file, which no longer has a name.
    pub fn refuse_used_image(&self) -> Result<()> {
        let target = self.target;
        let used = uses::uses(target).map_err(|error| Error::io("looking at", target.display().to_string(), error))?;
        match used.first() {
            None => Ok(()),
            Some(found) => {
                let why = format!("it is in use: {} is mounted or swapped to", found.device);
                Err(self.refused(&why, "unmount that first".to_owned()))
            }
        }
    }

    /// A device that holds something is not overwritten by a slip of the finger.
    fn refuse_signature(&self, device: &File, capacity: u64) -> Result<()> {
        let target = self.target;
        let found = signature::detect(|bytes, offset| device.read_exact_at(bytes, offset), capacity)
            .map_err(|error| Error::io("looking for a file system on", target.display().to_string(), error))?;
        let Some(found) = found else { return Ok(()) };
        let label = found.label.map(|label| format!(" labelled `{label}`")).unwrap_or_default();
        let uuid = found.uuid.map(|uuid| format!(", UUID {uuid}")).unwrap_or_default();
        let why = format!("it holds {}{label}{uuid}", found.kind);
        Err(self.refused(&why, "if all of that may be lost, add --overwrite".to_owned()))
    }

    /// The refusal of this target.
    pub fn refused(&self, why: &str, remedy: String) -> Error {
        Error::refused(format!("{} onto {}", self.verb, self.target.display()), why, Some(remedy))
    }

    /// Refuses an archive that is overwritten by what comes out of it; no path means standard input.
    pub fn refuse_input(&self, input_path: Option<&Path>) -> Result<()> {
        let input = input_path.map_or_else(|| identity::of_stream(io::stdin()), identity::of_path);
        let output = identity::of_path(self.target);
        let remedy = "name another target".to_owned();
        if input.is_some() && input == output {
            return Err(self.refused(&format!("it is the archive that is to be {}d", self.verb), remedy));
        }
        if identity::meet(input.as_ref(), output.as_ref()) {
            let why = format!("the archive that is to be {}d lies on it, or it on the archive", self.verb);
            return Err(self.refused(&why, remedy));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_image_needs_the_word() {
        let folder = tempfile::tempdir().unwrap();
        let facts = |target: &Path, overwrite| Landing { verb: "restore", target }.facts(overwrite);
        let image = folder.path().join("disk.img");
        assert!(facts(&image, false).is_ok());
        fs::write(&image, "x").unwrap();
        assert!(matches!(facts(&image, false), Err(Error::Refused(_))));
        assert!(facts(&image, true).is_ok_and(|facts| facts.capacity.is_none()));
        assert!(matches!(facts(folder.path(), true), Err(Error::Refused(_))));
        assert!(matches!(facts(Path::new("/dev/null"), true), Err(Error::Refused(_))));
    }
}
