//! `info` for people.

use blocktar::archive::{BackupInfo, End};
use blocktar::catalog::Entry;

use super::contents::Contents;
use crate::entry::state_text;
use crate::map_statistics::MapStatistics;
use crate::sizes;
use crate::summary::{self, count, line, word};
use crate::talk::{self, Talk};

/// Everything that is known of it: what it is, what it holds, how it was made, and a picture.
pub fn text(entry: &Entry, map: Option<&MapStatistics>, contents: Option<&Contents>, talk: Talk) -> String {
    let mut lines = vec![summary::printable(&entry.location), line("state", &state_text(&entry.state))];
    if let Some(bytes) = entry.archive_bytes {
        lines.push(line("length", &sizes::exact(bytes)));
    }
    if let Some(info) = &entry.info {
        lines.extend(backup_lines(info));
        lines.extend(device_lines(info));
        lines.extend(user_lines(info));
        lines.extend(part_line(info));
    }
    lines.extend(map.iter().flat_map(|map| map.lines()));
    match (&entry.info, &entry.end) {
        (Some(info), Some(end)) => {
            // The first of them is the size of the device, which is there already.
            lines.extend(summary::amounts(info, end).into_iter().skip(1));
            lines.extend(zeros_found_line(map, end));
            lines.push(members_line(info, end));
            lines.extend(end_lines(end, talk));
        }
        _ => lines.push(line("end", "not found")),
    }
    if let (Talk::Verbose, Some(info)) = (talk, &entry.info) {
        lines.push(line("records", &sizes::exact(info.record_size)));
        lines.push(line("program", &info.program));
    }
    if let Some(contents) = contents.filter(|contents| !contents.lines().is_empty()) {
        lines.extend(bad_lines(contents));
        lines.push(line("picture", contents.caption()));
        lines.extend(contents.lines());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn backup_lines(info: &BackupInfo) -> Vec<String> {
    let mut lines = vec![line("id", &info.id)];
    lines.extend(info.name.as_ref().map(|name| line("name", name)));
    lines.push(line("begun", &info.created.to_string()));
    lines.push(line("kind", &word(&info.kind)));
    if let Some(parent) = &info.parent {
        lines.push(line("parent", &format!("{}, of {}", parent.id, sizes::exact(parent.device_size))));
        lines.push(line("builds on", &format!("the image {}", parent.state)));
    }
    lines.extend(info.changes.as_ref().map(|word| line("changes", &format!("found by {word}"))));
    if let Some(samples) = info.samples.as_ref().filter(|samples| !samples.is_empty()) {
        let bytes = samples.iter().map(|sample| sample.length).sum();
        let samples = count(samples.len() as u64, "range");
        lines.push(line("samples", &format!("{samples} of the parent, {}", sizes::short(bytes))));
    }
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
    lines.extend(make_room(device.size_bytes).map(|commands| line("make room", &commands)));
    lines
}

/// Commands that make a target of the right size; an empty device needs none, and volumes are made of sectors of 512 bytes.
fn make_room(size_bytes: u64) -> Option<String> {
    let volume_bytes = size_bytes.next_multiple_of(512);
    (size_bytes > 0).then(|| format!("`lvcreate -L {volume_bytes}b -n NAME VG`, or restore into a new image"))
}

fn user_lines(info: &BackupInfo) -> Vec<String> {
    let mut lines: Vec<_> =
        info.meta.iter().flatten().map(|(key, value)| line("meta", &format!("{key}={value}"))).collect();
    for attached in info.attached.iter().flatten() {
        lines.push(line("attached", &format!("{}, {}", attached.name, sizes::exact(attached.length))));
    }
    lines
}

fn part_line(info: &BackupInfo) -> Option<String> {
    let part = info.part.as_ref()?;
    let text =
        format!("number {}, from byte {} of the device, first member {}", part.number, part.from, part.first_seq);
    Some(line("part", &text))
}

/// What the map took for data, and what was zeros when it was read.
fn zeros_found_line(map: Option<&MapStatistics>, end: &End) -> Option<String> {
    let found = map.map(|map| map.zeros_found(end)).filter(|found| *found > 0 && end.continues.is_none())?;
    Some(line("", &format!("{} of them found while reading data extents", sizes::short(found))))
}

fn members_line(info: &BackupInfo, end: &End) -> String {
    let indexes = match end.indexes.len() {
        1 => "1 index".to_owned(),
        number => format!("{number} indexes"),
    };
    line(
        "members",
        &format!("{}, data in pieces of at most {}, {indexes}", end.members, sizes::short(info.extent_limit)),
    )
}

fn end_lines(end: &End, talk: Talk) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(end.digest.as_ref().map(|digest| line("digest", &digest.to_string())));
    // In most archives it is the digest once more.
    let state = end.state.as_ref().filter(|state| Some(*state) != end.digest.as_ref());
    lines.extend(state.map(|state| line("image state", &state.to_string())));
    if talk == Talk::Verbose {
        lines.push(line("of the head", &end.backup_info_digest.to_string()));
        lines.push(line("of the map", &end.map_digest.to_string()));
    }
    if end.continues == Some(true) {
        lines.push(line("continues", &format!("another part follows, from byte {} of the device", end.to)));
    }
    lines.push(line("ended", &end.finished.to_string()));
    lines
}

fn bad_lines(contents: &Contents) -> Vec<String> {
    talk::list_lines(contents.bad()).iter().map(|range| line("bad", range)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_learns_how_to_make_room() {
        let holds = |size_bytes, command: &str| make_room(size_bytes).unwrap().contains(command);
        assert!(holds(8_589_934_592, "lvcreate -L 8589934592b ") && holds(100_000_001, "lvcreate -L 100000256b "));
        assert_eq!(make_room(0), None, "there is nothing to make room for");
    }
}
