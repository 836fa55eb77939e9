//! Changes archives by their structure: members, texts, records, order; then mends what would hide the change behind a digest.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Map, Value, json};

use crate::account::{extent_path, mend};
use crate::apart::{Archive, Member, frame};
use crate::archives::BLOCK;
use crate::chance::Chance;
use crate::text;

/// The mutator of the targets that read archives.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut chance = Chance::from_seed(seed.into());
    let apart = if chance.below(8) > 0 { Archive::take_apart(&data[..size]) } else { None };
    let Some(mut archive) = apart else { return fuzzer_mutate(data, size, max_size) };
    for _ in 0..1 + chance.below(4) {
        if !archive.members.is_empty() {
            change(&mut archive, &mut chance);
        }
    }
    mend(&mut archive, &mut chance);
    if chance.below(8) == 0 && !archive.members.is_empty() {
        // Behind the mending: a text whose digest is right, in a record or a table that nobody made.
        change_text(&mut archive, &mut chance);
    }
    let bytes = archive.put_together();
    if bytes.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

/// Does one thing to an archive.
fn change(archive: &mut Archive, chance: &mut Chance) {
    match chance.below(16) {
        0..3 => change_text(archive, chance),
        3 => {
            let member = any(archive, chance);
            text::change(&mut member.record, chance);
        }
        4 => change_extent(archive, chance),
        5 => change_stored(archive, chance),
        6 => change_map(archive, chance),
        7 => change_info(archive, chance),
        8 | 9 => change_order(archive, chance),
        10 | 11 => put_in(archive, chance),
        12 => split(archive, chance),
        13 => change_suffix(archive, chance),
        14 => shorten_notes(archive, chance),
        _ => change_tail(archive, chance),
    }
}

fn place(archive: &Archive, chance: &mut Chance) -> usize {
    chance.below(archive.members.len() as u64) as usize
}

fn any<'a>(archive: &'a mut Archive, chance: &mut Chance) -> &'a mut Member {
    let place = place(archive, chance);
    &mut archive.members[place]
}

/// One of the `extent/` members.
fn any_extent(archive: &Archive, chance: &mut Chance) -> Option<usize> {
    let extents: Vec<usize> =
        (0..archive.members.len()).filter(|place| archive.members[*place].path.starts_with(b"extent/")).collect();
    (!extents.is_empty()).then(|| extents[chance.below(extents.len() as u64) as usize])
}

/// Changes the text of a JSON member or an index; its record will say what it says.
fn change_text(archive: &mut Archive, chance: &mut Chance) {
    let member = any(archive, chance);
    let is_text = [&b"backup-info"[..], b"extents", b"index/", b"end"].iter().any(|name| member.path.starts_with(name));
    if let Some(mut text) = member.plain().filter(|_| is_text) {
        text::change(&mut text, chance);
        member.store(text);
    }
}

/// Moves, stretches or shortens a range, or makes it another kind.
fn change_extent(archive: &mut Archive, chance: &mut Chance) {
    let Some(place) = any_extent(archive, chance) else { return };
    let member = &mut archive.members[place];
    let Some(mut keys) = member.keys() else { return };
    let (offset, length) = (value(&keys, "offset"), value(&keys, "length"));
    match chance.below(4) {
        0 => {
            let shifted = if chance.below(2) == 0 { offset.saturating_sub(512) } else { offset.saturating_add(4096) };
            keys.insert("offset".into(), json!(shifted));
        }
        1 => {
            let Some(mut plain) = member.plain() else { return };
            plain.resize(chance.below(2 * plain.len() as u64 + 2) as usize, 7);
            member.store(plain);
        }
        2 => keys = extent_keys(offset, length, if chance.below(2) == 0 { "bad" } else { "zero" }),
        _ => {
            keys = extent_keys(offset, length, "sha256");
            member.store(vec![chance.next() as u8; length.min(2048) as usize]);
        }
    }
    if keys.contains_key("bad") || keys.contains_key("zero") {
        member.stored.clear();
        member.path = extent_path(&keys, false);
    }
    member.set_keys(&keys);
}

fn value(keys: &Map<String, Value>, key: &str) -> u64 {
    keys.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// A record of a range: of bytes if the third key is a digest, else of that kind.
fn extent_keys(offset: u64, length: u64, third: &str) -> Map<String, Value> {
    let third_value = if third == "sha256" { json!("") } else { json!(true) };
    let keys = [("blocktar", json!(1)), ("seq", json!(0)), ("offset", json!(offset)), ("length", json!(length))];
    keys.into_iter().chain([(third, third_value)]).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Changes stored bytes as they are, a frame's too.
fn change_stored(archive: &mut Archive, chance: &mut Chance) {
    text::change_bytes(&mut any(archive, chance).stored, chance);
}

/// Splits an extent of the map, or makes it zero, or data, or a hole.
fn change_map(archive: &mut Archive, chance: &mut Chance) {
    let Some(member) = archive.members.iter_mut().find(|member| member.path.starts_with(b"extents.json")) else {
        return;
    };
    let extents = member.plain().and_then(|text| serde_json::from_slice::<Vec<Map<String, Value>>>(&text).ok());
    let Some(mut extents) = extents.filter(|extents| !extents.is_empty()) else { return };
    let place = chance.below(extents.len() as u64) as usize;
    let (start, length) = (value(&extents[place], "start"), value(&extents[place], "length"));
    match chance.below(4) {
        0 if length > 1 => {
            let first = 1 + chance.below(length - 1);
            extents[place].insert("length".into(), json!(first));
            let mut second = extents[place].clone();
            second.insert("start".into(), json!(start.wrapping_add(first)));
            second.insert("length".into(), json!(length - first));
            extents.insert(place + 1, second);
        }
        1 => {
            let zero = extents[place].get("zero") != Some(&json!(true));
            extents[place].insert("zero".into(), json!(zero));
            extents[place].insert("hole".into(), json!(zero && chance.below(2) == 0));
        }
        2 => drop(extents.remove(place)),
        _ => {
            let longer = length.wrapping_add(chance.below(8192));
            extents[place].insert("length".into(), json!(longer));
        }
    }
    member.store(serde_json::to_vec(&extents).unwrap_or_default());
}

/// Changes what backup-info says of the archive as a whole.
fn change_info(archive: &mut Archive, chance: &mut Chance) {
    let (Some(mut info), Some(place)) = (archive.info(), archive.find(b"backup-info.json")) else { return };
    let map_end = map_end(archive);
    match chance.below(5) {
        0 => {
            if let Some(device) = info.get_mut("device").and_then(Value::as_object_mut) {
                device.insert("size".into(), json!(map_end.wrapping_add(chance.below(3)).wrapping_sub(1)));
            }
        }
        1 => {
            if let Some(device) = info.get_mut("device").and_then(Value::as_object_mut) {
                device.insert("size".into(), json!(map_end));
            }
        }
        2 => {
            let other = if info.get("digest") == Some(&json!("blake3")) { "sha256" } else { "blake3" };
            info.insert("digest".into(), json!(other));
        }
        3 => {
            let other = if info.get("map") == Some(&json!("inline")) { "first" } else { "inline" };
            info.insert("map".into(), json!(other));
        }
        _ => {
            info.insert("extent_limit".into(), json!(65_536 * (1 + chance.below(4))));
        }
    }
    archive.members[place].store(serde_json::to_vec(&info).unwrap_or_default());
}

fn map_end(archive: &Archive) -> u64 {
    let map = archive.members.iter().find(|member| member.path.starts_with(b"extents.json"));
    let extents = map.and_then(|map| serde_json::from_slice::<Vec<Map<String, Value>>>(&map.plain()?).ok());
    extents
        .and_then(|extents| extents.last().map(|last| value(last, "start").wrapping_add(value(last, "length"))))
        .unwrap_or(0)
}

/// Drops, doubles or moves members.
fn change_order(archive: &mut Archive, chance: &mut Chance) {
    let (one, other) = (place(archive, chance), place(archive, chance));
    match chance.below(4) {
        0 => drop(archive.members.remove(one)),
        1 => {
            let member = archive.members[one].clone();
            archive.members.insert(other, member);
        }
        2 => archive.members.swap(one, other),
        _ => {
            let member = archive.members.remove(one);
            archive.members.insert(other.min(archive.members.len()), member);
        }
    }
}

/// Puts a member in: a range behind another, an index, or one of an unknown kind.
fn put_in(archive: &mut Archive, chance: &mut Chance) {
    let beside = any_extent(archive, chance).unwrap_or_else(|| place(archive, chance));
    let keys = archive.members[beside].keys().unwrap_or_default();
    let offset = value(&keys, "offset").saturating_add(value(&keys, "length")).saturating_add(chance.below(2) * 512);
    let length = 1 + chance.below(1024);
    let document = |path: &str, optional: bool| {
        let keys = json!({"blocktar": 1, "seq": 0, "length": 0, "sha256": ""});
        let mut keys = keys.as_object().cloned().unwrap_or_default();
        if optional {
            keys.insert("optional".into(), json!(true));
        }
        (path.as_bytes().to_vec(), keys)
    };
    let (path, keys) = match chance.below(7) {
        0 => (b"extent/".to_vec(), extent_keys(offset, length, "bad")),
        1 => (b"extent/".to_vec(), extent_keys(offset, length, "zero")),
        2 | 3 => (b"extent/".to_vec(), extent_keys(offset, length, "sha256")),
        4 => document("index/00000001.jsonl.zst", false),
        5 => document("parity/0", true),
        _ => document("parity/0", chance.below(4) > 0),
    };
    let mut member = Member { path, record: Vec::new(), stored: Vec::new() };
    member.set_keys(&keys);
    let has_bytes = keys.contains_key("sha256");
    member.store(if has_bytes { vec![chance.next() as u8; length as usize] } else { Vec::new() });
    let at = if chance.below(4) > 0 { beside + 1 } else { place(archive, chance) };
    archive.members.insert(at, member);
}

/// Makes two members of one that holds data.
fn split(archive: &mut Archive, chance: &mut Chance) {
    let Some(place) = any_extent(archive, chance) else { return };
    let (Some(keys), Some(plain)) = (archive.members[place].keys(), archive.members[place].plain()) else { return };
    let first = chance.below(plain.len() as u64 + 1);
    let mut second = archive.members[place].clone();
    archive.members[place].store(plain[..first as usize].to_vec());
    second.store(plain[first as usize..].to_vec());
    let mut second_keys = keys.clone();
    second_keys.insert("offset".into(), json!(value(&keys, "offset").wrapping_add(first)));
    second.set_keys(&second_keys);
    archive.members.insert(place + 1, second);
}

/// Stores plain what was a frame, and the other way round.
fn change_suffix(archive: &mut Archive, chance: &mut Chance) {
    let member = any(archive, chance);
    let Some(plain) = member.plain() else { return };
    if member.is_compressed() {
        member.path.truncate(member.path.len() - 4);
        member.stored = plain;
    } else {
        member.path.extend_from_slice(b".zst");
        member.stored = frame(&plain);
    }
}

/// Makes RESTORE.txt and attached files short, so that what follows comes sooner.
fn shorten_notes(archive: &mut Archive, chance: &mut Chance) {
    let most = chance.below(600) as usize;
    for member in archive.members.iter_mut().filter(|member| member.path == b"RESTORE.txt") {
        member.stored.truncate(most);
    }
}

/// Cuts or lengthens what follows the end member, or puts something there.
fn change_tail(archive: &mut Archive, chance: &mut Chance) {
    let tail = &mut archive.tail;
    match chance.below(5) {
        0 => tail.truncate(chance.below(tail.len() as u64 + 1) as usize),
        1 => tail.resize(tail.len() + chance.below(4 * BLOCK as u64) as usize, 0),
        2 => *tail = vec![0; 2 * BLOCK],
        3 => {
            let again = archive.put_together();
            archive.tail.extend_from_slice(&again);
        }
        _ => text::change_bytes(tail, chance),
    }
}
