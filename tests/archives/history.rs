//! Histories of a device: a full and increments of its states, written by the specification and not by the program.

use std::sync::Arc;

use super::forge::{Data, Forge, MapExtent, sha256};

/// What is compared to find what changed.
const BLOCK_BYTES: usize = 4096;
/// The longest member.
const MEMBER_BYTES: usize = 64 << 10;

/// One archive of a history.
#[derive(Clone)]
pub struct Link {
    /// Its number, from 1.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// The state that it leaves.
    pub state: String,
    /// The device's size.
    pub size: u64,
    /// The archive.
    pub bytes: Arc<Vec<u8>>,
}

/// The id of the archive of this number.
pub fn id(number: u64) -> String {
    format!("0193f000-0000-7000-8000-0000000000{number:02}")
}

/// The archives of these states: a full of the first, and an increment for each that follows.
pub fn history(states: &[Vec<u8>]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for (place, state) in states.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| (states[before].as_slice(), &links[before]));
        links.push(link(place as u64 + 1, before, state));
    }
    links
}

/// The archive of this number: of a state on that of its parent, or of all.
pub fn link(number: u64, before: Option<(&[u8], &Link)>, state: &[u8]) -> Link {
    let (map, data) = changes(before.map(|(before, _)| before), state);
    let mut forge = Forge::new(state.len() as u64, &map, data).with_id(&id(number));
    forge.hour = number;
    if let Some((bytes, parent)) = before {
        forge.kind = increment_of(parent, &samples(bytes, &map, state.len()));
    }
    let bytes = forge.build();
    let text = String::from_utf8_lossy(&bytes);
    let at = text.rfind("\"state\":\"").unwrap() + 9;
    let state_digest = text[at..at + 64].to_owned();
    Link { number, id: id(number), state: state_digest, size: state.len() as u64, bytes: Arc::new(bytes) }
}

fn increment_of(parent: &Link, samples: &str) -> String {
    let Link { id, state, size, .. } = parent;
    format!(r#""increment","parent":{{"id":"{id}","state":"{state}","device_size":{size}}},"samples":[{samples}]"#)
}

/// Some blocks that are in no extent of the map, with their digests.
fn samples(before: &[u8], map: &[MapExtent], size: usize) -> String {
    let changed = |start: u64| map.iter().any(|(from, length, _)| start < from + length && from < &(start + 4096));
    let whole = (0..before.len().min(size) / BLOCK_BYTES).map(|block| (block * BLOCK_BYTES) as u64);
    let samples = whole.filter(|start| !changed(*start)).step_by(3).take(8).map(|start| {
        let digest = sha256(&before[start as usize..start as usize + BLOCK_BYTES]);
        format!(r#"{{"offset":{start},"length":{BLOCK_BYTES},"sha256":"{digest}"}}"#)
    });
    samples.collect::<Vec<_>>().join(",")
}

/// What an archive holds: the extents and members of all blocks that are not what they were.
fn changes(before: Option<&[u8]>, state: &[u8]) -> (Vec<MapExtent>, Vec<Data>) {
    let (mut map, mut data) = (Vec::<MapExtent>::new(), Vec::new());
    for (place, block) in state.chunks(BLOCK_BYTES).enumerate() {
        let start = place * BLOCK_BYTES;
        if before.is_some_and(|before| before.get(start..start + block.len()) == Some(block)) {
            continue;
        }
        let zero = block.iter().all(|byte| *byte == 0);
        match map.last_mut() {
            Some((from, length, kind)) if *from + *length == start as u64 && *kind == zero => {
                *length += block.len() as u64
            }
            _ => map.push((start as u64, block.len() as u64, zero)),
        }
    }
    for (start, length, _) in map.iter().filter(|(_, _, zero)| !zero) {
        let bytes = &state[*start as usize..(start + length) as usize];
        let pieces = bytes.chunks(MEMBER_BYTES).enumerate();
        data.extend(pieces.map(|(place, piece)| Data::plain(start + (place * MEMBER_BYTES) as u64, piece)));
    }
    (map, data)
}
