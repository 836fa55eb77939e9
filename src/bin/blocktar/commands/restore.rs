//! `restore`: an archive onto a device or into a new image.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::error::{Error, Result};
use blocktar::location::Location;
use blocktar::media::further_media::TapeReading;
use blocktar::plan::TargetFacts;
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::parent::{check_parent, check_samples};
use blocktar::restore::{Chain, RestoreFailure, RestoreRequest, restore};
use blocktar::stream::Target;
use blocktar::sys::partial_file::IfExists;
use blocktar::target::read_only::ReadOnly;
use blocktar::target::{self, Head, Request};

use super::restore_report::{ParentChecked, plan_text, print_plan, report};
use super::{Wanted, parts, thread_count};
use crate::arguments::RestoreArguments;
use crate::exit_code::ExitCode;
use crate::landing::Landing;
use crate::progress_line::ProgressLine;
use crate::signals::Stop;
use crate::talk::{self, Talk};
use crate::tape_device;
use crate::values::{Stream, shell_word};

/// Runs the command.
pub fn run(arguments: &RestoreArguments, talk: Talk, stop: &Stop) -> Result<ExitCode> {
    let begun = Instant::now();
    let progress = stop.progress();
    let environment = arguments.input.is_empty().then(tape_device::in_place_of_standard_input).flatten();
    let mut named = parts::all_named(&arguments.input)?;
    named.extend(environment.map(|device| device.into_os_string().into()));
    for path in named.iter().map(Stream::path).chain(named.is_empty().then_some(None)) {
        refuse_mix_ups(arguments, path)?;
    }
    if let Some(list) = &arguments.only {
        return super::restore_only::run(arguments, list, &named, talk, stop);
    }
    let (archive, selection) = (named.first(), &arguments.selection);
    let wanted = Wanted { command: "restore", archive, selection, takes_broken: false, talk };
    let landing = Landing { verb: "restore", target: &arguments.target };
    let (mut chain, facts, input_name) = if arguments.onto_parent {
        let present_bytes = size_of_existing(landing, "--onto-parent", "holds the parent")?;
        let (chain, name) = wanted.open_chain(&named, arguments, Base::Target, &progress)?;
        let facts = facts_of_parent(landing, present_bytes, &chain)?;
        (chain, facts, name)
    } else if arguments.single_part {
        let capacity = size_of_existing(landing, "--single-part", "is to hold all parts")?;
        let facts = TargetFacts { name: landing.target.display().to_string(), capacity: Some(capacity) };
        let input = wanted.open_parts(&named, arguments.further.whom_to_ask(&progress), TapeReading::Forward)?;
        let (name, options) = (input.name(), OpenOptions { single_part: true, ..OpenOptions::default() });
        (OpenArchive::open(input, &options)?.into(), facts, name)
    } else {
        let facts = landing.facts(arguments.overwrite)?;
        let (chain, name) = wanted.open_chain(&named, arguments, Base::Full, &progress)?;
        (chain, facts, name)
    };
    let plan = chain.plan(&facts, arguments.truncate)?;
    if arguments.dry_run {
        let checked = arguments.onto_parent.then(|| look_at_parent(arguments, &mut chain, &progress)).transpose()?;
        return print_plan(&plan, checked, arguments.report.json, begun);
    }
    talk.detail(&plan_text(&plan));

    let mut target = open_target(arguments, &chain, &facts, &progress)?;
    let request = RestoreRequest {
        threads: thread_count(arguments.threads),
        read_back: arguments.read_back,
        truncate: arguments.truncate,
    };
    if !arguments.check_parent.is_empty() {
        hold_parent_against(arguments, &mut chain, target.as_mut(), &progress)?;
        talk.detail(&format!("{} holds the parent, byte for byte", facts.name));
    }
    if facts.capacity.is_some() {
        let what = "may have been overwritten in part, and is not whole then";
        progress.set_parting_words(format!("{} {what}: run the restore again", facts.name));
    }
    let line = ProgressLine::start(arguments.report.progress, talk, "restore", &progress);
    let result = restore(chain, target.as_mut(), &request, &progress);
    drop(line);
    progress.take_parting_words();
    let restored = result.map_err(|failure| failed(failure, &facts))?;
    report(arguments, &input_name, &restored, &facts, talk, begun)
}

/// Holds the archives that the target should hold against it.
fn hold_parent_against(
    arguments: &RestoreArguments,
    chain: &mut Chain,
    target: &mut dyn Target,
    progress: &Progress,
) -> Result<()> {
    let parent = Chain::of(parts::open_each(&arguments.check_parent)?, Base::Full, None)?;
    check_parent(parent, chain, target, thread_count(arguments.threads), progress)
}

/// Holds against the target what a restore would hold against it first. It is only read.
fn look_at_parent(arguments: &RestoreArguments, chain: &mut Chain, progress: &Progress) -> Result<ParentChecked> {
    let mut target = ReadOnly::open(&arguments.target)?;
    let every_byte = !arguments.check_parent.is_empty();
    if every_byte {
        hold_parent_against(arguments, chain, &mut target, progress)?;
    }
    Ok(ParentChecked { samples: check_samples(chain, &target, progress)?, every_byte })
}

/// Opens what the chain is restored onto; nothing is written yet.
fn open_target(
    arguments: &RestoreArguments,
    chain: &Chain,
    facts: &TargetFacts,
    progress: &Arc<Progress>,
) -> Result<Box<dyn Target>> {
    let size_bytes = chain.info().device.size_bytes;
    if arguments.single_part {
        return target::open_in_place(&arguments.target, None, progress);
    }
    if arguments.onto_parent {
        return target::open_in_place(&arguments.target, Some(size_bytes), progress);
    }
    let request = Request {
        // Less than the archive's only with --truncate: else the plan has refused it.
        size_bytes: Some(size_bytes.min(facts.capacity.unwrap_or(u64::MAX))),
        if_exists: if arguments.overwrite { IfExists::Replace } else { IfExists::Refuse },
        target_is_zero: arguments.target_is_zero,
        head: Head::Last,
    };
    target::open(&arguments.target, &request, progress)
}

/// Says what a restore that failed has overwritten, beside why it failed.
fn failed(failure: RestoreFailure, facts: &TargetFacts) -> Error {
    // A new image has overwritten nothing, and is gone again.
    if let (Some(range), Some(_)) = (failure.overwritten, facts.capacity) {
        let range = talk::range_text(&range);
        talk::warn(&format!("{} has been overwritten within {range}, and is not whole: restore it again", facts.name));
    }
    failure.error
}

/// The size of a target that is there already, and that an option wants for what it holds.
fn size_of_existing(landing: Landing<'_>, option: &str, why: &str) -> Result<u64> {
    let missing = format!("it does not exist, and {option} writes into what {why}");
    let remedy = "make an image of the device's size: `blocktar info` tells it, `truncate -s SIZE` makes it";
    let remedy = if option == "--onto-parent" { "name the device or image that holds the parent" } else { remedy };
    super::restore_only::size_of(landing, &missing, remedy)
}

/// The target that should hold a chain's parent. An image has the parent's size then, or, where a restore was interrupted, the new one; it gets that one.
fn facts_of_parent(landing: Landing<'_>, present_bytes: u64, chain: &Chain) -> Result<TargetFacts> {
    let name = landing.target.display().to_string();
    if !landing.target.is_file() {
        return Ok(TargetFacts { name, capacity: Some(present_bytes) });
    }
    let size_bytes = chain.info().device.size_bytes;
    let parent_bytes = chain.oldest_info().parent.as_ref().map_or(size_bytes, |parent| parent.device_size);
    if ![parent_bytes, size_bytes].contains(&present_bytes) {
        let why = format!("it has {present_bytes} bytes, and what the archive builds on had {parent_bytes}");
        let remedy = "name the image that holds the parent".to_owned();
        return Err(Error::wrong_chain(format!("restore onto {name}"), why, Some(remedy)));
    }
    Ok(TargetFacts { name, capacity: Some(size_bytes) })
}

/// Refuses what is more likely a slip than a wish.
fn refuse_mix_ups(arguments: &RestoreArguments, input_path: Option<&Path>) -> Result<()> {
    let target = &arguments.target;
    let landing = Landing { verb: "restore", target };
    let word = shell_word(target);
    if let Ok(volume @ Location::Volume(_)) = Location::parse(target.as_os_str()) {
        let remedy = format!("name its device: {}", volume.path().display());
        return Err(landing.refused("a volume is read by such a name, not written", remedy));
    }
    if input_path.is_none() {
        if looks_like_archive(target) && (!arguments.overwrite || io::stdin().is_terminal()) {
            let why = "it is an archive, and no archive to restore from was named";
            let remedy = format!("`blocktar restore -i {word} TARGET`, or `blocktar restore TARGET < {word}`");
            return Err(landing.refused(why, remedy));
        }
        if io::stdin().is_terminal() {
            let remedy = format!("`blocktar restore -i ARCHIVE {word}`, or `blocktar restore {word} < ARCHIVE`");
            return Err(landing.refused("no archive was named, and standard input is a terminal", remedy));
        }
    }
    landing.refuse_input(input_path)
}

/// Whether this is a file that holds a tar, or is called one.
fn looks_like_archive(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut header = [0; 512];
    let begins_as_tar =
        File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok() && &header[257..262] == b"ustar";
    begins_as_tar || path.extension().is_some_and(|extension| extension == "tar")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_archive_is_known_by_its_header_or_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (named, plain, image) = (folder.path().join("a.tar"), folder.path().join("a"), folder.path().join("a.img"));
        fs::write(&named, "").unwrap();
        let mut header = [0; 512];
        header[257..262].copy_from_slice(b"ustar");
        fs::write(&plain, header).unwrap();
        fs::write(&image, [0; 1024]).unwrap();
        assert!(looks_like_archive(&named) && looks_like_archive(&plain));
        assert!(!looks_like_archive(&image) && !looks_like_archive(&folder.path().join("absent.tar")));
    }
}
