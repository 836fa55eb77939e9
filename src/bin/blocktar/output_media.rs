//! Opens what an archive is written to, as the command line says: a file or several, a tape where there is room on it, a pipe.

use std::path::Path;
use std::sync::Arc;

use blocktar::archive::Compression;
use blocktar::cartridge;
use blocktar::drive::{Drive, Place, Placed};
use blocktar::error::{Error, Result};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::{self, OutputOptions};
use blocktar::progress::Progress;
use blocktar::stream::Output;
use blocktar::sys::partial_file::IfExists;

use crate::arguments::OutputArguments;
use crate::tape_device;

/// Opens it. `record_bytes` is what the user wants of a tape.
pub fn open(
    arguments: &OutputArguments,
    record_bytes: Option<u64>,
    progress: &Arc<Progress>,
) -> Result<Box<dyn Output>> {
    let path = arguments.path();
    refuse_to_verify(arguments, path)?;
    let overwrite = arguments.if_exists() == IfExists::Replace;
    let options = OutputOptions {
        if_exists: arguments.if_exists(),
        part_bytes: arguments.part_size,
        record_bytes,
        next_medium: NextMedium::new(arguments.next_medium.clone(), progress),
        place: Some(Box::new(OnCartridge { overwrite })),
    };
    let mut output = media::create_output(path, options, progress)?;
    if output.spanning().is_none() {
        refuse_needless(arguments, output.name())?;
    }
    Ok(output)
}

/// What is read again would be something else: a tape stands behind what it holds, and a part alone is not the archive.
fn refuse_to_verify(arguments: &OutputArguments, path: Option<&Path>) -> Result<()> {
    let Some(path) = path.filter(|_| arguments.path_to_verify().is_some()) else { return Ok(()) };
    let request = format!("verify {} in the same run", path.display());
    if tape_device::is_drive(path) {
        let remedy = format!("afterwards: `blocktar verify {}`", path.display());
        return Err(Error::refused(request, "it is a tape, which stands behind the archive then", Some(remedy)));
    }
    if arguments.part_size.is_some() {
        let remedy = "verify the parts when all are there; `blocktar verify --help` says how".to_owned();
        return Err(Error::refused(request, "the archive lies in several files", Some(remedy)));
    }
    Ok(())
}

/// What says how to go on elsewhere means nothing to an output that takes the archive whole.
fn refuse_needless(arguments: &OutputArguments, output: &str) -> Result<()> {
    let request = format!("write an archive to {output}");
    if arguments.next_medium.is_some() {
        let why = "--next-medium is for tapes and for --part-size";
        return Err(Error::refused(request, why, Some("leave it out".to_owned())));
    }
    if arguments.path().is_none() && arguments.if_exists() == IfExists::Replace {
        let why = "--overwrite is for `-o FILE` and for tapes";
        return Err(Error::refused(request, why, Some("leave it out".to_owned())));
    }
    Ok(())
}

/// What the user should know of the media: what lies on them, and what the drive makes of what zstd has packed.
pub fn warnings(output: &mut dyn Output, compression: Compression) -> Vec<String> {
    let name = output.name().to_owned();
    let Some(output) = output.spanning() else { return Vec::new() };
    let mut warnings = output.take_notes();
    let medium = output.medium().unwrap_or_default();
    if medium.drive_compression == Some(true) && compression != Compression::None {
        warnings.push(format!(
            "the drive compresses once more what {compression} has compressed, which only makes it wait: `mt -f {name} compression 0`, or --compression none"
        ));
    }
    if let Some(key) = medium.drive_encryption {
        let key = if key.is_empty() { "without a name".to_owned() } else { format!("{key:?}") };
        warnings.push(format!("the drive encrypts, with the key {key}: nothing can be read from the tape without it"));
    }
    warnings
}

/// Behind everything that a cartridge holds; a further cartridge holds nothing but its label.
struct OnCartridge {
    overwrite: bool,
}

impl Place for OnCartridge {
    fn first(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        let cartridge::Placement { medium, notes, .. } = cartridge::place(drive, self.overwrite)?;
        Ok(Placed::There { medium, notes })
    }

    fn next(&mut self, drive: &mut dyn Drive) -> Result<Placed> {
        let placement = match cartridge::place(drive, self.overwrite) {
            Err(Error::Refused(refusal)) => return Ok(Placed::Wrong(refusal.why)),
            placement => placement?,
        };
        let cartridge::Placement { medium, notes, .. } = placement;
        let empty = medium.file == Some(0) || (medium.file == Some(1) && medium.id.is_some());
        if !empty && !self.overwrite {
            return Ok(Placed::Wrong("it holds backups already".to_owned()));
        }
        Ok(Placed::There { medium, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};

    /// A cartridge that holds a label of this name, and these tape files behind it.
    fn labelled(files: usize) -> Mechanism {
        let mechanism = Mechanism::holding(&Cartridge::large());
        let mut drive = mechanism.open(Access::Both).unwrap();
        cartridge::label(&mut drive, "WEEK-07", false, |_| ()).unwrap();
        for _ in 0..files {
            drive.write_record(&[7; 4096]).unwrap();
            drive.write_filemarks(1).unwrap();
        }
        mechanism
    }

    #[test]
    fn a_further_cartridge_holds_nothing_but_its_label() {
        for (mechanism, overwrite, will_do) in [
            (Mechanism::holding(&Cartridge::large()), false, true),
            (labelled(0), false, true),
            (labelled(1), false, false),
            (labelled(1), true, true),
        ] {
            let mut drive = mechanism.open(Access::Both).unwrap();
            let placed = OnCartridge { overwrite }.next(&mut drive).unwrap();
            assert_eq!(matches!(placed, Placed::There { .. }), will_do, "{placed:?}");
        }
        let empty = Mechanism::new(Default::default());
        let mut drive = empty.open(Access::Both).unwrap();
        assert!(matches!(OnCartridge { overwrite: false }.next(&mut drive).unwrap(), Placed::Wrong(_)));
    }
}
