//! `info`: all that is known of one archive.

use blocktar::archive::{BackupInfo, End, OpenArchive, OpenOptions};
use blocktar::catalog::{self, Entry};
use blocktar::error::{Error, Result};
use serde_json::{Value, json};

use super::list::{entry_value, state_code, state_text};
use super::open_archive;
use crate::arguments::InfoArguments;
use crate::exit_code::ExitCode;
use crate::summary::{self, line, word};
use crate::talk::Talk;
use crate::{answer, sizes};

/// Runs the command.
pub fn run(arguments: &InfoArguments, talk: Talk) -> Result<ExitCode> {
    let input = open_archive("info", arguments.archive.as_ref())?;
    if let Some(name) = &arguments.attached {
        let options = OpenOptions { attached: Some(name.clone()), ..OpenOptions::default() };
        let archive = OpenArchive::open(input, &options)?;
        let bytes = archive.attached().ok_or_else(|| no_such_file(name, archive.info()))?;
        answer::print(bytes)?;
        return Ok(ExitCode::Done);
    }
    let entry = catalog::examine(input)?;
    let code = state_code(&entry.state);
    if arguments.json {
        let mut value = json!({"command": "info", "exit_code": code.number()});
        if let (Value::Object(value), Value::Object(fields)) = (&mut value, entry_value(&entry)) {
            value.extend(fields);
        }
        answer::print_json(&value)?;
    } else {
        answer::print(text(&entry, talk).as_bytes())?;
    }
    Ok(code)
}

fn no_such_file(name: &str, info: &BackupInfo) -> Error {
    let names: Vec<_> = info.attached.iter().flatten().map(|attached| attached.name.as_str()).collect();
    let remedy = match names.is_empty() {
        true => "nothing was attached to this backup".to_owned(),
        false => format!("attached are: {}", names.join(", ")),
    };
    Error::refused(format!("extract {name}"), "the archive has no attached file of this name", Some(remedy))
}

fn text(entry: &Entry, talk: Talk) -> String {
    let mut lines = vec![summary::printable(&entry.location), line("state", &state_text(&entry.state))];
    if let Some(bytes) = entry.archive_bytes {
        lines.push(line("length", &sizes::exact(bytes)));
    }
    if let Some(info) = &entry.info {
        lines.extend(backup_lines(info));
        lines.extend(device_lines(info));
        lines.extend(user_lines(info));
    }
    match (&entry.info, &entry.end) {
        (Some(info), Some(end)) => {
            // The first of them is the size of the device, which is there already.
            lines.extend(summary::amounts(info, end).into_iter().skip(1));
            lines.extend(end_lines(end));
        }
        _ => lines.push(line("end", "not found")),
    }
    if let (Talk::Verbose, Some(info)) = (talk, &entry.info) {
        lines.push(line("members", &format!("of at most {}", sizes::exact(info.extent_limit))));
        lines.push(line("records", &sizes::exact(info.record_size)));
        lines.push(line("program", &info.program));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn backup_lines(info: &BackupInfo) -> Vec<String> {
    let mut lines = vec![line("id", &info.id)];
    lines.extend(info.name.as_ref().map(|name| line("name", name)));
    lines.push(line("begun", &info.created.to_string()));
    lines.push(line("kind", &word(&info.kind)));
    lines.extend(info.parent.as_ref().map(|parent| line("parent", &summary::value(parent).to_string())));
    lines.push(line("compression", &info.compression.to_string()));
    lines.push(line("checked by", &info.digest.to_string()));
    lines
}

fn device_lines(info: &BackupInfo) -> Vec<String> {
    let device = &info.device;
    let host = device.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    let mut lines = vec![
        line("source", &format!("{}{host} ({})", device.path, device.kind)),
        line("device", &format!("{}, sectors of {} bytes", sizes::exact(device.size_bytes), device.sector_bytes)),
    ];
    let drive: Vec<_> = [&device.model, &device.serial].into_iter().flatten().map(String::as_str).collect();
    if !drive.is_empty() {
        lines.push(line("drive", &drive.join(", serial ")));
    }
    if let (Some(vg), Some(lv)) = (&device.vg, &device.lv) {
        lines.push(line("volume", &format!("{vg}/{lv}")));
    }
    if let Some(filesystem) = &device.filesystem {
        let uuid = filesystem.uuid.as_ref().map(|uuid| format!(", UUID {uuid}")).unwrap_or_default();
        let label = filesystem.label.as_ref().map(|label| format!(", label {label}")).unwrap_or_default();
        lines.push(line("holds", &format!("{}{uuid}{label}", filesystem.kind)));
    }
    lines.push(line("make room", &make_room(info.device.size_bytes)));
    lines
}

/// Commands that make a target of the right size.
fn make_room(size_bytes: u64) -> String {
    format!("`lvcreate -L {size_bytes}b -n NAME VG`, or restore into a new image")
}

fn user_lines(info: &BackupInfo) -> Vec<String> {
    let mut lines: Vec<_> =
        info.meta.iter().flatten().map(|(key, value)| line("meta", &format!("{key}={value}"))).collect();
    for attached in info.attached.iter().flatten() {
        lines.push(line("attached", &format!("{}, {}", attached.name, sizes::exact(attached.length))));
    }
    lines
}

fn end_lines(end: &End) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(end.digest.as_ref().map(|digest| line("digest", &digest.to_string())));
    // In most archives it is the digest once more.
    let state = end.state.as_ref().filter(|state| Some(*state) != end.digest.as_ref());
    lines.extend(state.map(|state| line("image state", &state.to_string())));
    if end.continues == Some(true) {
        lines.push(line("continues", "another part follows"));
    }
    lines.push(line("ended", &end.finished.to_string()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_learns_how_to_make_room() {
        assert!(make_room(8_589_934_592).contains("lvcreate -L 8589934592b "));
    }
}
