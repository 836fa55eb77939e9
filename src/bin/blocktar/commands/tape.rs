//! `tape`: what a drive and its cartridge are, and labels.

use std::time::Instant;

use blocktar::cartridge::{self, Labelled, Status};
use blocktar::drive::Drive;
use blocktar::error::Result;
use blocktar::media::tape::{self, Access};
use serde_json::{Value, json};

use crate::arguments::{TapeAction, TapeArguments};
use crate::cartridge_text::file_value;
use crate::exit_code::ExitCode;
use crate::talk::{self, Talk};
use crate::{answer, sizes, summary, tape_device};

/// Runs the command.
pub fn run(arguments: &TapeArguments, talk: Talk) -> Result<ExitCode> {
    let (request, example) = match arguments.action {
        TapeAction::Status => ("ask a tape drive", "blocktar tape status /dev/nst0"),
        TapeAction::Label => ("label a cartridge", "blocktar tape label /dev/nst0 WEEK-07"),
    };
    let device = tape_device::named_or_of_environment(arguments.device(), request, example)?;
    match arguments.action {
        TapeAction::Status => status(&mut tape::open_even_empty(&device, Access::Read)?, arguments.json),
        TapeAction::Label => label(&mut tape::open(&device, Access::Both)?, arguments, talk),
    }
}

fn status(drive: &mut dyn Drive, as_json: bool) -> Result<ExitCode> {
    let begun = Instant::now();
    let status = cartridge::status(drive)?;
    let name = drive.name().to_owned();
    if as_json {
        answer::print_json(&summary::for_programs("tape", ExitCode::Done, begun, status_value(&name, &status)))?;
    } else {
        answer::print(status_text(&name, &status).as_bytes())?;
    }
    Ok(ExitCode::Done)
}

fn status_text(name: &str, status: &Status) -> String {
    let drive = &status.drive;
    let mut lines = vec![name.to_owned()];
    let mut add = |label: &str, text: String| lines.push(summary::line(label, &summary::printable(&text)));
    let generation = cartridge::generation(drive.density);
    let cartridge = match (drive.online, generation) {
        (false, _) => "none is loaded".to_owned(),
        (true, Some(generation)) => generation.to_owned(),
        (true, None) if drive.density == 0 => "loaded; the drive does not say of what kind".to_owned(),
        (true, None) => format!("loaded; of density code {:#04x}", drive.density),
    };
    add("cartridge", cartridge);
    if drive.online {
        add("label", label_text(&status.labelled));
        add("writing", if drive.write_protected { "write-protected" } else { "possible" }.to_owned());
        add("position", position_text(status));
    }
    add(
        "blocks",
        match drive.block_bytes {
            0 => "variable: each write makes a record of its own size".to_owned(),
            fixed => {
                format!("fixed, {}: blocktar leaves this mode where it reads or writes", sizes::exact(fixed.into()))
            }
        },
    );
    let told = |on: Option<bool>| match on {
        Some(true) => "on",
        Some(false) => "off",
        None => "the drive does not tell",
    };
    add("compression", told(status.transforms.compression).to_owned());
    add(
        "encryption",
        match &status.transforms.encryption {
            Some(key) if key.is_empty() => "on, with a key without identifier".to_owned(),
            Some(key) => format!("on, with the key {key}"),
            None => "off, or the drive does not tell".to_owned(),
        },
    );
    if !status.returned {
        add("tape", "at its beginning now: the drive did not know where it stood".to_owned());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn label_text(labelled: &Labelled) -> String {
    match labelled {
        Labelled::Yes(label) => format!("{}, id {}, of {}", label.name, label.id, label.created),
        Labelled::No => "none; the cartridge holds something".to_owned(),
        Labelled::Blank => "none; the cartridge is blank".to_owned(),
        Labelled::Unknown(why) => format!("not known: {why}"),
    }
}

fn position_text(status: &Status) -> String {
    let drive = &status.drive;
    let place = match (drive.file, drive.record) {
        _ if drive.at_beginning => "at the beginning".to_owned(),
        (Some(file), Some(record)) => format!("tape file {file}, record {record}"),
        (Some(file), None) => format!("tape file {file}"),
        _ => "not known to the driver".to_owned(),
    };
    let address = status.address.map(|address| format!(", address {address}")).unwrap_or_default();
    let end = if drive.at_end_of_data { ", at the end of what is recorded" } else { "" };
    let near = if drive.near_end { ", near the end of the medium" } else { "" };
    format!("{place}{address}{end}{near}")
}

fn status_value(name: &str, status: &Status) -> Value {
    let drive = &status.drive;
    let (label, blank) = match &status.labelled {
        Labelled::Yes(label) => (summary::value(label), Some(false)),
        Labelled::No => (Value::Null, Some(false)),
        Labelled::Blank => (Value::Null, Some(true)),
        Labelled::Unknown(_) => (Value::Null, None),
    };
    json!({
        "device": name,
        "online": drive.online,
        "write_protected": drive.write_protected,
        "density": drive.density,
        "generation": cartridge::generation(drive.density),
        "label": label,
        "blank": blank,
        "file": drive.file,
        "record": drive.record,
        "address": status.address,
        "at_beginning": drive.at_beginning,
        "at_end_of_data": drive.at_end_of_data,
        "near_end": drive.near_end,
        "block_bytes": drive.block_bytes,
        "drive_compression": status.transforms.compression,
        "drive_encryption": status.transforms.encryption,
        "returned": status.returned,
    })
}

fn label(drive: &mut dyn Drive, arguments: &TapeArguments, talk: Talk) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut lost = Vec::new();
    let label = cartridge::label(drive, &arguments.name(), arguments.overwrite, |file| {
        talk::warn(&format!("{}: lost with the new label", file.content.describe()));
        lost.push(file_value(file));
    })?;
    talk.say(&format!("labelled the cartridge in {} as {}, id {}", drive.name(), label.name, label.id));
    if arguments.json {
        let details = json!({"device": drive.name(), "label": summary::value(&label), "lost": lost});
        answer::print_json(&summary::for_programs("tape", ExitCode::Done, begun, details))?;
    }
    Ok(ExitCode::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::media::tape::simulated::{self, Cartridge, Mechanism};

    fn open(mechanism: &Mechanism) -> impl Drive + use<> {
        mechanism.open(simulated::Access::Both).unwrap()
    }

    #[test]
    fn status_tells_all_and_leaves_the_tape_where_it_stood() {
        let mechanism = Mechanism::holding(&Cartridge::large());
        assert!(status_text("/dev/nst9", &cartridge::status(&mut open(&mechanism)).unwrap()).contains("blank"));
        cartridge::label(&mut open(&mechanism), "WEEK-07", false, |_| ()).unwrap();
        let mut drive = open(&mechanism);
        let before = drive.address().unwrap();
        let status = cartridge::status(&mut drive).unwrap();
        assert_eq!((drive.address().unwrap(), status.returned), (before, true));
        let text = status_text("/dev/nst9", &status);
        for part in ["LTO-9", "WEEK-07, id 0", "address 2", "variable", "possible", "does not tell"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let value = status_value("/dev/nst9", &status);
        assert_eq!((&value["label"]["name"], &value["generation"]), (&"WEEK-07".into(), &"LTO-9".into()));
        assert_eq!((&value["blank"], &value["block_bytes"]), (&false.into(), &0.into()));
    }

    #[test]
    fn status_asks_an_empty_drive_and_one_in_fixed_mode_and_changes_nothing() {
        let mechanism = Mechanism::holding(&Cartridge::large());
        mechanism.set_block_bytes(512);
        let mut drive = open(&mechanism);
        let text = status_text("/dev/nst9", &cartridge::status(&mut drive).unwrap());
        assert!(text.contains("fixed, 512 bytes") && text.contains("fixed block mode"), "{text}");
        assert_eq!(drive.status().unwrap().block_bytes, 512);
        drop(drive);
        mechanism.eject();
        let text = status_text("/dev/nst9", &cartridge::status(&mut open(&mechanism)).unwrap());
        assert!(text.contains("none is loaded"), "{text}");
    }
}
