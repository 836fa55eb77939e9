//! Opens what an archive is written to, as the command line says: a file or several, a tape where there is room on it, a pipe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blocktar::archive::{Compression, extent_limit_within, limit, part_bytes_min};
use blocktar::cartridge::Appending;
use blocktar::error::{Error, Result};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::tape::Tell;
use blocktar::media::{self, OutputOptions};
use blocktar::progress::Progress;
use blocktar::stream::{Medium, Output};
use blocktar::sys::partial_file::IfExists;

use crate::arguments::OutputArguments;
use crate::{sizes, talk};

/// Records in files: these need no more than their file system's block.
pub const RECORD_BYTES_IN_FILES: u64 = 4 << 10;

/// An output, and what the user was told of the media on which the archive goes on.
pub struct OutputMedia {
    /// The output.
    pub output: Box<dyn Output>,
    told: Arc<Mutex<Told>>,
}

/// What was told, each once.
#[derive(Default)]
struct Told {
    compression: Compression,
    warnings: Vec<String>,
}

impl Told {
    /// What of this is new.
    fn add(&mut self, drive: &str, notes: Vec<String>, medium: &Medium) -> Vec<String> {
        let all = notes.into_iter().chain(of_drive(drive, medium, self.compression));
        let new: Vec<_> = all.filter(|warning| !self.warnings.contains(warning)).collect();
        self.warnings.extend_from_slice(&new);
        new
    }
}

impl OutputMedia {
    /// Says what the user should know of the first medium: what lies on it, and what the drive makes of what was compressed so.
    pub fn warn(&mut self, compression: Compression) {
        let mut told = lock(&self.told);
        told.compression = compression;
        let drive = self.output.name().to_owned();
        let Some(output) = self.output.spanning() else { return };
        let (notes, medium) = (output.take_notes(), output.medium().unwrap_or_default());
        told.add(&drive, notes, &medium).iter().for_each(|warning| talk::warn(warning));
    }

    /// All that was said so, of further media too.
    pub fn warnings(&self) -> Vec<String> {
        lock(&self.told).warnings.clone()
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens it. `record_bytes` is what the user wants of a tape.
pub fn open(arguments: &OutputArguments, record_bytes: Option<u64>, progress: &Arc<Progress>) -> Result<OutputMedia> {
    let path = arguments.path();
    let overwrite = arguments.if_exists() == IfExists::Replace;
    let told = Arc::<Mutex<Told>>::default();
    let options = OutputOptions {
        if_exists: arguments.if_exists(),
        part_bytes: arguments.part_size,
        record_bytes,
        next_medium: NextMedium::new(arguments.next_medium.clone(), progress),
        place: Some(Box::new(Appending::new(overwrite))),
        tell: Some(tell(&told, progress)),
    };
    let mut output = media::create_output(path, options, progress)?;
    if output.spanning().is_none() {
        refuse_needless(arguments, output.name())?;
    }
    Ok(OutputMedia { output, told })
}

/// The longest data member for which the parts have room, if they have a size; refuses a size that has no room for the members that are wanted, before anything is
/// written, or a snapshot taken.
pub fn longest_member(
    arguments: &OutputArguments,
    wanted: Option<u64>,
    record_size: Option<u64>,
) -> Result<Option<u64>> {
    let Some(part_bytes) = arguments.part_size else { return Ok(None) };
    let record_bytes = record_size.unwrap_or(RECORD_BYTES_IN_FILES);
    let most = extent_limit_within(part_bytes, record_bytes);
    let (members, remedy) = match (wanted, most) {
        (_, None) => (*limit::EXTENT.start(), format!("give `--part-size {}`, or more", part_bytes_min(record_bytes))),
        (Some(wanted), Some(most)) if wanted > most => {
            (wanted, format!("give `--extent-limit {most}`, or leave it out, or a larger --part-size"))
        }
        _ => return Ok(most),
    };
    let members = sizes::short(members);
    let why = format!("they have no room for members of {members}, beside what a part begins and ends with");
    Err(Error::refused(format!("write parts of {}", sizes::short(part_bytes)), why, Some(remedy)))
}

/// Says what is new of a further medium when its part begins.
fn tell(told: &Arc<Mutex<Told>>, progress: &Arc<Progress>) -> Tell {
    let (told, progress) = (Arc::clone(told), Arc::clone(progress));
    Box::new(move |drive, medium, notes| {
        let new = lock(&told).add(drive, notes, medium);
        let _nothing_else_is_drawn = progress.begin_asking();
        new.iter().for_each(|warning| talk::warn_amid(warning));
    })
}

/// The same for a command that reads no archive, so that only the output could ask for another medium.
pub fn open_alone(
    arguments: &OutputArguments,
    record_bytes: Option<u64>,
    progress: &Arc<Progress>,
) -> Result<OutputMedia> {
    let mut media = open(arguments, record_bytes, progress)?;
    if media.output.spanning().is_none() && arguments.next_medium.is_some() {
        let why = "--next-medium is for tapes and for --part-size";
        let request = format!("write an archive to {}", media.output.name());
        return Err(Error::refused(request, why, Some("leave it out".to_owned())));
    }
    Ok(media)
}

/// There is nothing that an output could replace that has no name.
fn refuse_needless(arguments: &OutputArguments, output: &str) -> Result<()> {
    let request = format!("write an archive to {output}");
    if arguments.path().is_none() && arguments.if_exists() == IfExists::Replace {
        let why = "--overwrite is for `-o FILE` and for tapes";
        return Err(Error::refused(request, why, Some("leave it out".to_owned())));
    }
    Ok(())
}

/// What the user should know of what the drive does to the archive.
fn of_drive(drive: &str, medium: &Medium, compression: Compression) -> Vec<String> {
    let mut warnings = Vec::new();
    if medium.drive_compression == Some(true) && compression != Compression::None {
        warnings.push(format!(
            "the drive compresses once more what {compression} has compressed, which only makes it wait: `mt -f {drive} compression 0`, or --compression none"
        ));
    }
    if let Some(key) = &medium.drive_encryption {
        let key = if key.is_empty() { "without a name".to_owned() } else { format!("{key:?}") };
        warnings.push(format!("the drive encrypts, with the key {key}: nothing can be read from the tape without it"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_drive_is_told_of_where_it_does_something_else() {
        let mut told = Told::default();
        let plain = Medium { drive_compression: Some(false), ..Medium::default() };
        let packs = Medium { drive_compression: Some(true), ..Medium::default() };
        let encrypts = Medium { drive_encryption: Some("K2".to_owned()), ..packs.clone() };
        assert!(told.add("/dev/nst1", Vec::new(), &plain).is_empty());
        let heard = told.add("/dev/nst1", vec!["it was cut off".to_owned()], &packs);
        assert!(
            matches!(&heard[..], [note, packs] if note.contains("cut off") && packs.contains("compresses once more"))
        );
        let heard = told.add("/dev/nst1", Vec::new(), &encrypts);
        assert!(matches!(&heard[..], [key] if key.contains("\"K2\"")), "{heard:?}");
        assert_eq!(told.warnings.len(), 3);
        told.compression = Compression::None;
        told.warnings.clear();
        assert!(told.add("/dev/nst1", Vec::new(), &packs).is_empty());
    }
}
