//! How `list` and `tape` tell of a cartridge: its tape files in lines of the table of archives, and for programs.

use std::time::Instant;

use blocktar::cartridge::{self, Content, Inventory, TapeFile};
use blocktar::catalog::{Entry, State};
use blocktar::drive::Drive;
use blocktar::error::Result;
use serde_json::{Value, json};

use crate::entry::{entry_value, state_code, state_word};
use crate::exit_code::ExitCode;
use crate::summary::count;
use crate::{sizes, summary};

/// A cartridge that was listed.
#[derive(Debug)]
pub struct ListedCartridge {
    device: String,
    /// Its tape files.
    pub files: Vec<TapeFile>,
    inventory: Inventory,
    seconds: f64,
}

impl ListedCartridge {
    /// Lists the cartridge in a drive.
    pub fn list(drive: &mut dyn Drive) -> Result<Self> {
        let begun = Instant::now();
        let mut files = Vec::new();
        let inventory = cartridge::inventory(drive, |file| files.push(file))?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Self { device: drive.name().to_owned(), files, inventory, seconds })
    }

    /// The exit code by the archives on it.
    pub fn code(&self) -> ExitCode {
        self.files.iter().map(file_code).fold(ExitCode::Done, ExitCode::worse)
    }

    /// What it took.
    pub fn effort(&self) -> String {
        let files = count(self.files.len() as u64, "tape file");
        let positionings = count(self.inventory.positionings, "positioning");
        let mut text =
            format!("listed {files} on {} with {positionings} in {}", self.device, sizes::duration(self.seconds));
        if !self.inventory.returned {
            text += "; the tape is at its beginning now: the drive did not know where it stood";
        }
        text
    }

    /// For programs.
    pub fn value(&self) -> Value {
        json!({
            "device": self.device,
            "files": self.files.iter().map(file_value).collect::<Vec<_>>(),
            "positionings": self.inventory.positionings,
            "seconds": self.seconds,
            "returned": self.inventory.returned,
        })
    }

    /// Where a tape file lies.
    pub fn location(&self, file: &TapeFile) -> String {
        file.number.map_or_else(|| self.device.clone(), |number| format!("{}, file {number}", self.device))
    }
}

/// The exit code by what is in a tape file.
pub fn file_code(file: &TapeFile) -> ExitCode {
    match &file.content {
        // The other parts lie on other cartridges, as they must.
        Content::Archive(entry) if entry.state == State::Part => ExitCode::Done,
        Content::Archive(entry) => state_code(&entry.state),
        Content::BrokenLabel(_) => ExitCode::Damaged,
        Content::Label(_) | Content::OtherTar(_) | Content::Nothing | Content::Unknown => ExitCode::Done,
    }
}

/// A tape file for programs.
pub fn file_value(file: &TapeFile) -> Value {
    let (kind, label, first_name) = match &file.content {
        Content::Archive(_) => ("archive", None, None),
        Content::Label(label) => ("label", Some(summary::value(label)), None),
        Content::BrokenLabel(_) => ("broken label", None, None),
        Content::OtherTar(first) => ("foreign tar", None, Some(first)),
        Content::Nothing => ("nothing", None, None),
        Content::Unknown => ("unknown", None, None),
    };
    json!({
        "file": file.number,
        "address": file.address,
        "kind": kind,
        "label": label,
        "first_name": first_name,
        "record_bytes": file.record_bytes,
        "closed": file.closed,
        "archive": file.archive().map(archive_value),
    })
}

/// What stands in the table for a tape file without an archive: its name, its kind and its state.
pub fn words(file: &TapeFile) -> Option<[String; 3]> {
    let words = match &file.content {
        Content::Archive(_) => return None,
        Content::Label(label) => [label.name.as_str(), "label", "complete"],
        Content::BrokenLabel(_) => ["-", "label", "damaged"],
        Content::OtherTar(first) => [first.as_str(), "foreign tar", "-"],
        Content::Nothing => ["-", "nothing", "-"],
        Content::Unknown => ["-", "unknown", "-"],
    };
    Some(words.map(str::to_owned))
}

/// An archive's state in a word or three; whether other cartridges hold its other parts is not known.
pub fn state(entry: &Entry) -> &'static str {
    if entry.state == State::Part { "part" } else { state_word(&entry.state) }
}

fn archive_value(entry: &Entry) -> Value {
    let mut value = entry_value(entry);
    value["state"] = state(entry).into();
    value
}

/// An archive's kind, and which part of it this is.
pub fn kind(entry: &Entry) -> Option<String> {
    let info = entry.info.as_ref()?;
    let continues = entry.end.as_ref().is_some_and(|end| end.continues == Some(true));
    let number = info.part.as_ref().map(|part| part.number).or_else(|| continues.then_some(1));
    let part = number.map(|number| format!(", part {number}")).unwrap_or_default();
    Some(format!("{}{part}", info.kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::archive::Label;
    use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};

    fn records(archive: &[u8]) -> Vec<Vec<u8>> {
        archive.chunks(4096).map(<[u8]>::to_vec).collect()
    }

    fn listed(files: &[Vec<Vec<u8>>]) -> ListedCartridge {
        let mechanism = Mechanism::holding(&Cartridge::with_files(files));
        ListedCartridge::list(&mut mechanism.open(Access::Read).unwrap()).unwrap()
    }

    #[test]
    fn every_tape_file_is_told_to_people_and_programs() {
        let label = Label::new("WEEK-07", 4096).unwrap().archive();
        let (whole, part) = (
            include_bytes!("../../../format-spec/vectors/full_plain.tar"),
            include_bytes!("../../../format-spec/vectors/part_1_of_2.tar"),
        );
        let cartridge = listed(&[vec![label], records(whole), vec![vec![1; 900]], records(part)]);
        assert_eq!(cartridge.code(), ExitCode::Done);
        let words: Vec<_> = cartridge.files.iter().map(words).collect();
        assert_eq!(words[0], Some(["WEEK-07", "label", "complete"].map(str::to_owned)));
        assert_eq!(words[2], Some(["-", "unknown", "-"].map(str::to_owned)));
        assert_eq!((&words[1], &words[3]), (&None, &None));
        assert_eq!(kind(cartridge.files[1].archive().unwrap()).as_deref(), Some("full"));
        assert_eq!(kind(cartridge.files[3].archive().unwrap()).as_deref(), Some("full, part 1"));
        assert_eq!(cartridge.location(&cartridge.files[3]), "/dev/nst9, file 3");
        let effort = cartridge.effort();
        assert!(
            effort.starts_with("listed 4 tape files on /dev/nst9 with ") && effort.contains("positioning"),
            "{effort}"
        );
        let told = cartridge.value();
        let kinds: Vec<_> = told["files"].as_array().unwrap().iter().map(|file| file["kind"].clone()).collect();
        assert_eq!(kinds, ["label", "archive", "unknown", "archive"]);
        assert_eq!(told["files"][1]["archive"]["state"], "complete");
        assert_eq!(told["files"][3]["archive"]["state"], "part");
        assert_eq!(told["files"][0]["label"]["name"], "WEEK-07");
    }

    #[test]
    fn what_is_broken_on_it_decides_the_exit_code() {
        let mut label = Label::new("WEEK-07", 4096).unwrap().archive();
        label[1200] ^= 1;
        let whole = include_bytes!("../../../format-spec/vectors/full_plain.tar");
        assert_eq!(listed(&[vec![label], records(whole)]).code(), ExitCode::Damaged);
        assert_eq!(listed(&[records(&whole[..2048]), records(whole)]).code(), ExitCode::Incomplete);
    }
}
