//! What a user names as the source of a backup: a path, or a logical volume by its names.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// What stands before the names of a logical volume.
const LVM: &str = "lvm:";

/// The longest name that LVM gives (`NAME_LEN` in its `lib/metadata/metadata-exported.h`, less the closing zero).
const NAME_BYTES_MAX: usize = 127;

/// What is to be backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A device or image, read as it stands.
    Path(PathBuf),
    /// A logical volume, of which a snapshot is taken and read.
    Volume(VolumeName),
}

impl Location {
    /// Takes `lvm:GROUP/VOLUME` for a volume, and everything else for a path.
    ///
    /// # Errors
    /// A sentence that says which names LVM has.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        match text.as_encoded_bytes().strip_prefix(LVM.as_bytes()) {
            None => Ok(Self::Path(text.into())),
            Some(_) => {
                let names = text.to_str().and_then(|text| text.strip_prefix(LVM)).unwrap_or_default();
                VolumeName::parse(names).map(Self::Volume)
            }
        }
    }

    /// The device or image: of a volume its own device, not that of a snapshot.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Volume(volume) => Path::new("/dev").join(&volume.group).join(&volume.volume),
        }
    }
}

/// As it was typed.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Volume(volume) => write!(f, "{LVM}{volume}"),
        }
    }
}

/// The names of a logical volume, as LVM allows them: so they are safe as words of a command, and never an option.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VolumeName {
    group: String,
    volume: String,
}

impl VolumeName {
    /// Takes `GROUP/VOLUME` apart.
    ///
    /// # Errors
    /// A sentence that says what would be names.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((group, volume)) if is_name(group) && is_name(volume) => {
                Ok(Self { group: group.to_owned(), volume: volume.to_owned() })
            }
            _ => Err(format!(
                "give {LVM}GROUP/VOLUME, such as {LVM}vg/root; names have letters, digits, and + _ . -, and a file of such a name is ./{LVM}…"
            )),
        }
    }

    /// The volume group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The logical volume within its group.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// Another volume of the same group.
    ///
    /// # Errors
    /// A sentence, if LVM has no such names.
    pub fn sibling(&self, volume: &str) -> Result<Self, String> {
        Self::parse(&format!("{}/{volume}", self.group))
    }
}

/// `GROUP/VOLUME`, as LVM's own commands take it.
impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.volume)
    }
}

/// The rules of lvm(8), "VALID NAMES".
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && ![".", ".."].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_and_paths_are_told_apart() {
        let parse = |text: &str| Location::parse(OsStr::new(text));
        for name in ["vg/lv", "my-vg.1+/root_2-a", "a/.b", "a/+", "v/..."] {
            let location = parse(&format!("lvm:{name}")).unwrap();
            assert_eq!(location.to_string(), format!("lvm:{name}"));
            assert_eq!(location.path(), Path::new("/dev").join(name));
        }
        for path in ["/dev/vg/lv", "./lvm:vg/lv", "lv", "", "LVM:vg/lv"] {
            assert_eq!(parse(path).unwrap(), Location::Path(path.into()));
        }
    }

    #[test]
    fn what_lvm_would_not_take_is_no_name() {
        let long = format!("vg/{}", "x".repeat(128));
        for name in ["", "vg", "vg/", "/lv", "-vg/lv", "vg/-lv", "vg/..", "./lv", "vg/a b", "vg/a/b", "vg/ä", &long] {
            let error = Location::parse(OsStr::new(&format!("lvm:{name}"))).unwrap_err();
            assert!(error.contains("lvm:GROUP/VOLUME"), "{name}: {error}");
        }
    }
}
