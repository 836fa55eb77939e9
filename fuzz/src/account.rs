//! Mends what a change broke: numbers, names, lengths, digests, the index and the end, as format-spec has them.
//!
//! Without this nothing but the first digest would ever be tried. It is written from the specification, apart from what it tests.

use blocktar::archive::{Digest, DigestKind};
use serde_json::{Map, Value, json};

use crate::apart::{Archive, Member};
use crate::chance::Chance;

/// Mends most of it, most of the time; what is left broken, some check must notice.
pub fn mend(archive: &mut Archive, chance: &mut Chance) {
    if chance.below(16) == 0 {
        return;
    }
    let kind = digest_kind(archive);
    let renumber = chance.below(8) > 0;
    for (place, member) in archive.members.iter_mut().enumerate() {
        if chance.below(64) > 0 {
            mend_record(member, kind, renumber.then_some(place as u64));
        }
    }
    if chance.below(8) > 0 {
        mend_tables(archive, kind, chance);
    }
}

/// The digest that backup-info names.
fn digest_kind(archive: &Archive) -> DigestKind {
    match archive.info().and_then(|info| Some(info.get("digest")? == "blake3")) {
        Some(true) => DigestKind::Blake3,
        _ => DigestKind::Sha256,
    }
}

/// Makes a record say what the member stores, and its name what the record says.
fn mend_record(member: &mut Member, kind: DigestKind, seq: Option<u64>) {
    let (Some(mut keys), Some(plain)) = (member.keys(), member.plain()) else { return };
    if let Some(seq) = seq {
        set(&mut keys, "seq", json!(seq));
    }
    if has(&keys, "sha256") || has(&keys, "blake3") {
        set(&mut keys, "length", json!(plain.len()));
        let renamed = keys.into_iter().map(|(key, value)| match key.as_str() {
            "sha256" | "blake3" => (kind.name().to_owned(), json!(kind.of(&plain).to_string())),
            _ => (key, value),
        });
        keys = renamed.collect();
    }
    if member.path.starts_with(b"extent/") {
        member.path = extent_path(&keys, member.is_compressed());
    }
    member.set_keys(&keys);
}

fn has(keys: &Map<String, Value>, key: &str) -> bool {
    keys.contains_key(key)
}

/// Sets a key that is there; none is added.
fn set(keys: &mut Map<String, Value>, key: &str, value: Value) {
    if let Some(old) = keys.get_mut(key) {
        *old = value;
    }
}

fn number(keys: &Map<String, Value>, key: &str) -> u64 {
    keys.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// The name that goes with a record.
pub fn extent_path(keys: &Map<String, Value>, compressed: bool) -> Vec<u8> {
    let (offset, length) = (number(keys, "offset"), number(keys, "length"));
    let suffix = match () {
        () if has(keys, "bad") => format!(".{length}.bad"),
        () if has(keys, "zero") => format!(".{length}.zero"),
        () if compressed => ".zst".to_owned(),
        () => String::new(),
    };
    format!("extent/{offset:020}{suffix}").into_bytes()
}

/// What has been told so far, for index and end.
struct Account {
    lines: Vec<u8>,
    identity: Vec<u8>,
    positions: Vec<u64>,
    at: u64,
    sums: Map<String, Value>,
}

/// Makes the index and the end say what the members before them say.
fn mend_tables(archive: &mut Archive, kind: DigestKind, chance: &mut Chance) {
    let (Some(info), Some(map_at)) = (archive.info(), archive.members.iter().position(is_map)) else { return };
    let size = info.get("device").and_then(|device| device.get("size")?.as_u64()).unwrap_or(0);
    let extents = archive.members[map_at].plain().and_then(|text| serde_json::from_slice(&text).ok());
    let extents: Vec<Map<String, Value>> = extents.unwrap_or_default();
    let (info_digest, map_digest) = (kind.of(&archive.members[0].stored), text_digest(&archive.members[map_at], kind));
    let mut account = Account {
        lines: b"{\"index\":1,\"from\":0}\n".to_vec(),
        identity: format!("backup-info {info_digest}\nmap {map_digest}\n").into_bytes(),
        positions: Vec::new(),
        at: 0,
        sums: Map::new(),
    };
    let last_index = archive.members.iter().rposition(|member| member.path.starts_with(b"index/"));
    let (mend_index, mend_end) = (chance.below(16) > 0, chance.below(16) > 0);
    for place in 0..archive.members.len() {
        let position = archive.positions()[place];
        let member = &archive.members[place];
        if member.path.starts_with(b"extent/") {
            account.land(member, position, &extents, kind);
        } else if member.path.starts_with(b"index/") {
            if Some(place) == last_index {
                account.zeros(size, &extents);
                account.at = size;
            }
            let next = format!("{{\"index\":1,\"from\":{},\"previous\":{position}}}\n", account.at).into_bytes();
            let lines = std::mem::replace(&mut account.lines, next);
            if mend_index {
                archive.members[place].store(lines);
                mend_record(&mut archive.members[place], kind, None);
            }
            account.positions.push(position);
        } else if member.path == b"end.json" && mend_end {
            mend_end_member(archive, place, &account, (info_digest, map_digest, map_at), kind);
        }
    }
}

fn is_map(member: &Member) -> bool {
    member.path.starts_with(b"extents.json")
}

fn text_digest(member: &Member, kind: DigestKind) -> Digest {
    kind.of(&member.plain().unwrap_or_default())
}

impl Account {
    fn land(&mut self, member: &Member, position: u64, extents: &[Map<String, Value>], kind: DigestKind) {
        let Some(keys) = member.keys() else { return };
        let (offset, length) = (number(&keys, "offset"), number(&keys, "length"));
        self.zeros(offset, extents);
        let word = if has(&keys, "bad") {
            "bad"
        } else if has(&keys, "zero") {
            "zero"
        } else {
            "data"
        };
        let path = String::from_utf8_lossy(&member.path);
        let mut line = json!({"name": path, "offset": offset, "length": length, "kind": word});
        let digest = keys.get(kind.name()).and_then(Value::as_str).unwrap_or("-");
        if word == "data" {
            line[kind.name()] = json!(digest);
            self.add("stored_bytes", member.stored.len() as u64);
        }
        line["position"] = json!(position);
        line["stored"] = json!(member.stored.len());
        line["seq"] = json!(number(&keys, "seq"));
        self.lines.extend_from_slice(format!("{line}\n").as_bytes());
        self.identity.extend_from_slice(format!("{offset} {length} {word} {digest}\n").as_bytes());
        self.add(&format!("{word}_members"), 1);
        self.add(&format!("{word}_bytes"), length);
        self.at = offset.saturating_add(length);
    }

    fn add(&mut self, key: &str, amount: u64) {
        let sum = number(&self.sums, key).saturating_add(amount);
        self.sums.insert(key.to_owned(), json!(sum));
    }

    /// Lists what the map covers up to here, neighbours as one.
    fn zeros(&mut self, up_to: u64, extents: &[Map<String, Value>]) {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for extent in extents {
            let (start, length) = (number(extent, "start"), number(extent, "length"));
            let (start, end) = (start.max(self.at), start.saturating_add(length).min(up_to));
            match runs.last_mut() {
                _ if start >= end => {}
                Some(last) if last.1 == start => last.1 = end,
                _ => runs.push((start, end)),
            }
        }
        for (start, end) in runs {
            let line = format!("{{\"offset\":{start},\"length\":{},\"kind\":\"zero\"}}\n", end - start);
            self.lines.extend_from_slice(line.as_bytes());
            self.add("zero_bytes", end - start);
        }
    }
}

fn mend_end_member(
    archive: &mut Archive,
    place: usize,
    account: &Account,
    (info_digest, map_digest, map_at): (Digest, Digest, usize),
    kind: DigestKind,
) {
    let Some(mut end) = serde_json::from_slice::<Map<String, Value>>(&archive.members[place].stored).ok() else {
        return;
    };
    let running = json!(DigestKind::Sha256.of(&account.identity).to_string());
    let carries_state = end.get("state") != end.get("digest");
    for (key, value) in [
        ("id", json!(String::from_utf8_lossy(&archive.id))),
        ("backup_info", Value::Object(archive.info().unwrap_or_default())),
        ("backup_info_digest", json!(info_digest.to_string())),
        ("map_digest", json!(map_digest.to_string())),
        ("map_position", json!(archive.positions()[map_at])),
        ("indexes", json!(account.positions)),
        ("members", json!(place + 1)),
        ("to", json!(account.at)),
        ("running", running.clone()),
        ("digest", running.clone()),
    ] {
        set(&mut end, key, value);
    }
    for key in ["data_members", "data_bytes", "stored_bytes", "zero_bytes", "bad_members", "bad_bytes"] {
        set(&mut end, key, json!(number(&account.sums, key)));
    }
    if !carries_state {
        set(&mut end, "state", running);
    }
    archive.members[place].store(serde_json::to_vec(&end).unwrap_or_default());
    mend_record(&mut archive.members[place], kind, None);
}
