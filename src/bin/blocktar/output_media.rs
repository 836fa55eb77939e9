//! Opens what an archive is written to, as the command line says: a file or several, a tape where there is room on it, a pipe.

use std::path::Path;
use std::sync::Arc;

use blocktar::archive::Compression;
use blocktar::cartridge::Appending;
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
        place: Some(Box::new(Appending::new(overwrite))),
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
