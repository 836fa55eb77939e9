//! Makes archives that no writer makes: every text can be any text, and all digests, sizes and positions around it are still right.

use blocktar::archive::{Digest, DigestKind};

const BLOCK: usize = 512;
const MTIME: u64 = 1_704_067_200;
/// The id of every forged archive.
pub const ID: &str = "0193f000-0000-7000-8000-000000000000";

/// The digest of these bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    DigestKind::Sha256.of(bytes)
}

/// One frame of so many equal bytes, made in bounded memory.
pub fn frame_of(pattern: &[u8], repeats: u64, head: &[u8], tail: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(head).unwrap();
    // In large pieces, each of whole patterns.
    let per_piece = (1 << 20) / pattern.len() as u64;
    let piece = pattern.repeat(per_piece as usize);
    for _ in 0..repeats / per_piece {
        encoder.write_all(&piece).unwrap();
    }
    encoder.write_all(&pattern.repeat((repeats % per_piece) as usize)).unwrap();
    encoder.write_all(tail).unwrap();
    encoder.finish().unwrap()
}

/// One frame of these bytes.
pub fn frame(plain: &[u8]) -> Vec<u8> {
    frame_of(b"x", 0, plain, b"")
}

/// A header block; of a name that is too long, as much as fits.
pub fn header(path: &[u8], kind: tar::EntryType, size: u64, mtime: u64) -> [u8; BLOCK] {
    let mut header = tar::Header::new_ustar();
    let length = path.len().min(100);
    header.as_old_mut().name[..length].copy_from_slice(&path[..length]);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(mtime);
    header.set_entry_type(kind);
    header.set_cksum();
    *header.as_bytes()
}

/// The payload of an `x` header around this record.
pub fn pax(record: &[u8]) -> Vec<u8> {
    let rest = " comment=\n".len() + record.len();
    let total = (rest..).find(|total| *total == rest + total.to_string().len()).unwrap();
    [total.to_string().as_bytes(), b" comment=", record, b"\n"].concat()
}

/// An extent of the map: start, length, whether it is zero.
pub type MapExtent = (u64, u64, bool);

/// A data member: what its name and record say, and what it stores.
#[derive(Clone)]
pub struct Data {
    /// Offset in name, record and index.
    pub offset: u64,
    /// Length in record and index.
    pub length: u64,
    /// Digest in record and index.
    pub digest: Digest,
    /// What is stored.
    pub stored: Vec<u8>,
    /// Whether its name says that it is a frame.
    pub compressed: bool,
}

impl Data {
    /// A sound member.
    pub fn plain(offset: u64, bytes: &[u8]) -> Self {
        let stored = bytes.to_vec();
        Self { offset, length: bytes.len() as u64, digest: sha256(bytes), stored, compressed: false }
    }

    fn path(&self) -> String {
        format!("extent/{:020}{}", self.offset, if self.compressed { ".zst" } else { "" })
    }
}

/// What to forge; as it stands a sound archive.
#[derive(Clone)]
pub struct Forge {
    /// The device's size, as text.
    pub size: String,
    /// The extent limit and the record size, as text.
    pub extent_limit: String,
    pub record_size: String,
    /// The id in all names; the one in the texts stays.
    pub folder: String,
    /// More keys of backup-info, each with a comma before it.
    pub more_info: String,
    /// More keys of the device, and of the end member.
    pub more_device: String,
    pub more_end: String,
    pub map: Vec<MapExtent>,
    /// The map's text instead of the one that follows from `map`.
    pub map_text: Option<String>,
    /// The map's frame and the length of its text.
    pub map_frame: Option<(Vec<u8>, u64)>,
    pub data: Vec<Data>,
    /// The index's frame and the length and digest of its text.
    pub index_frame: Option<(Vec<u8>, u64, Digest)>,
    /// More lines at the end of the index.
    pub more_index: String,
    /// Positions of the indexes in the end member, as text.
    pub indexes: Option<String>,
    /// The size in the header of the member of this name, which then stores nothing; the archive ends there.
    pub lying_size: Option<(String, u64)>,
    /// The size of the `x` header of this member, likewise.
    pub lying_pax: Option<(String, u64)>,
    /// The name of this member in its headers instead of its own.
    pub renamed: Option<(String, String)>,
    /// Added to each `seq`.
    pub seq_shift: u64,
    /// The id of the archive.
    pub id: String,
    /// The kind, and what stands behind it of what it builds on: `"increment","parent":{…}`.
    pub kind: String,
    /// The state that its end names; its own digest if there is none here.
    pub state: Option<Digest>,
    /// In which hour of the first of January 2024 it was made.
    pub hour: u64,
}

impl Forge {
    /// A device of this size with this map and data.
    pub fn new(size: u64, map: &[MapExtent], data: Vec<Data>) -> Self {
        Self {
            size: size.to_string(),
            extent_limit: "65536".into(),
            record_size: "512".into(),
            folder: ID.into(),
            more_info: String::new(),
            more_device: String::new(),
            more_end: String::new(),
            map: map.to_vec(),
            map_text: None,
            map_frame: None,
            data,
            index_frame: None,
            more_index: String::new(),
            indexes: None,
            lying_size: None,
            lying_pax: None,
            renamed: None,
            seq_shift: 0,
            id: ID.into(),
            kind: r#""full""#.into(),
            state: None,
            hour: 0,
        }
    }

    /// The same archive with another id.
    pub fn with_id(self, id: &str) -> Self {
        Self { id: id.into(), folder: id.into(), ..self }
    }

    fn info(&self) -> String {
        let (id, hour, kind) = (&self.id, self.hour, &self.kind);
        format!(
            r#"{{"format":1,"requires":[],"id":"{id}","created":"2024-01-01T{hour:02}:00:00Z","program":"forge","kind":{kind},"device":{{"size":{},"sector_size":512,"type":"file","path":"disk"{}}},"map":"first","digest":"sha256","compression":"none","extent_limit":{},"record_size":{}{}}}"#,
            self.size, self.more_device, self.extent_limit, self.record_size, self.more_info
        )
    }

    fn map_text(&self) -> String {
        self.map_text.clone().unwrap_or_else(|| {
            let dirty = if self.kind == r#""full""# { "" } else { r#","dirty":true"# };
            let extents = self.map.iter().map(|(start, length, zero)| {
                format!(r#"{{"start":{start},"length":{length},"zero":{zero},"hole":{zero}{dirty}}}"#)
            });
            format!("[{}]", extents.collect::<Vec<_>>().join(","))
        })
    }

    /// The archive.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Out { forge: self, bytes: Vec::new(), seq: self.seq_shift, ended: false };
        let info = self.info();
        out.document("backup-info.json", info.as_bytes());
        out.document("RESTORE.txt", b"by hand");
        let map_position = out.bytes.len();
        let map_digest = out.map();
        let mut index = String::from("{\"index\":1,\"from\":0}\n");
        let mut identity = format!("backup-info {}\nmap {map_digest}\n", sha256(info.as_bytes()));
        let (mut at, mut zero_bytes) = (0, 0);
        for data in &self.data {
            zero_bytes += self.zero_lines(&mut index, at, data.offset);
            let (position, seq) = (out.bytes.len(), out.seq);
            let Data { offset, length, digest, stored, .. } = data;
            let (path, stored_bytes) = (data.path(), stored.len());
            index += &format!(
                "{{\"name\":\"{path}\",\"offset\":{offset},\"length\":{length},\"kind\":\"data\",\"sha256\":\"{digest}\",\"position\":{position},\"stored\":{stored_bytes},\"seq\":{seq}}}\n"
            );
            identity += &format!("{offset} {length} data {digest}\n");
            out.member(&path, &format!(",\"offset\":{offset}"), *length, *digest, stored);
            at = offset.saturating_add(*length);
        }
        let size = self.size.parse().unwrap_or(u64::MAX);
        zero_bytes += self.zero_lines(&mut index, at, size);
        index += &self.more_index;
        let index_position = out.bytes.len();
        match &self.index_frame {
            Some((stored, length, digest)) => out.member("index/00000000.jsonl.zst", "", *length, *digest, stored),
            None => {
                let digest = sha256(index.as_bytes());
                out.member("index/00000000.jsonl.zst", "", index.len() as u64, digest, &frame(index.as_bytes()));
            }
        }
        let data_bytes = self.data.iter().fold(0u64, |sum, data| sum.saturating_add(data.length));
        let stored_bytes: usize = self.data.iter().map(|data| data.stored.len()).sum();
        let indexes = self.indexes.clone().unwrap_or_else(|| index_position.to_string());
        let running = sha256(identity.as_bytes());
        let state = self.state.unwrap_or(running);
        let end = format!(
            r#"{{"format":1,"id":"{}","backup_info":{info},"backup_info_digest":"{}","map_digest":"{map_digest}","map_position":{map_position},"indexes":[{indexes}],"members":{},"to":{},"data_members":{},"data_bytes":{data_bytes},"stored_bytes":{stored_bytes},"zero_bytes":{zero_bytes},"bad_members":0,"bad_bytes":0,"running":"{running}","digest":"{running}","state":"{state}","finished":"2024-01-01T00:00:01Z"{}}}"#,
            self.id,
            sha256(info.as_bytes()),
            out.seq.wrapping_add(1),
            self.size,
            self.data.len(),
            self.more_end
        );
        out.document("end.json", end.as_bytes());
        if !out.ended {
            out.bytes.resize(out.bytes.len() + 2 * BLOCK, 0);
        }
        out.bytes
    }

    /// Lists what the map covers in `from..to`, neighbours as one; gives how many bytes that is.
    fn zero_lines(&self, index: &mut String, from: u64, to: u64) -> u64 {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (start, length, _) in &self.map {
            let (start, end) = ((*start).max(from), start.saturating_add(*length).min(to));
            match runs.last_mut() {
                _ if start >= end => {}
                Some(last) if last.1 == start => last.1 = end,
                _ => runs.push((start, end)),
            }
        }
        for (start, end) in &runs {
            *index += &format!("{{\"offset\":{start},\"length\":{},\"kind\":\"zero\"}}\n", end - start);
        }
        runs.iter().map(|(start, end)| end - start).sum()
    }
}

struct Out<'a> {
    forge: &'a Forge,
    bytes: Vec<u8>,
    seq: u64,
    /// A lying size has been written: nothing follows it.
    ended: bool,
}

impl Out<'_> {
    fn document(&mut self, path: &str, text: &[u8]) {
        self.member(path, "", text.len() as u64, sha256(text), text);
    }

    fn map(&mut self) -> Digest {
        if let Some((stored, length)) = &self.forge.map_frame {
            let digest = sha256(b"of nothing");
            self.member("extents.json.zst", "", *length, digest, stored);
            return digest;
        }
        let text = self.forge.map_text();
        let digest = sha256(text.as_bytes());
        match text.len() > 1 << 20 {
            true => self.member("extents.json.zst", "", text.len() as u64, digest, &frame(text.as_bytes())),
            false => self.member("extents.json", "", text.len() as u64, digest, text.as_bytes()),
        }
        digest
    }

    fn member(&mut self, path: &str, offset: &str, length: u64, digest: Digest, stored: &[u8]) {
        if self.ended {
            return;
        }
        let lie =
            |lying: &Option<(String, u64)>| lying.as_ref().filter(|(name, _)| name == path).map(|(_, size)| *size);
        let (size_lie, pax_lie) = (lie(&self.forge.lying_size), lie(&self.forge.lying_pax));
        let length = size_lie.unwrap_or(length);
        let value =
            format!("{{\"blocktar\":1,\"seq\":{}{offset},\"length\":{length},\"sha256\":\"{digest}\"}}", self.seq);
        self.seq = self.seq.wrapping_add(1);
        let pax = pax(value.as_bytes());
        let renamed = self.forge.renamed.as_ref().filter(|(name, _)| name == path).map(|(_, other)| other.as_str());
        let name = renamed.unwrap_or(path);
        let full = if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", self.forge.folder) };
        let last = name.rsplit('/').next().unwrap();
        let pax_name = format!("{}/PaxHeaders/{last}", self.forge.folder);
        self.header(&pax_name, tar::EntryType::XHeader, pax_lie.unwrap_or(pax.len() as u64));
        if pax_lie.is_some() {
            self.ended = true;
            return;
        }
        self.padded(&pax);
        self.header(&full, tar::EntryType::Regular, size_lie.unwrap_or(stored.len() as u64));
        if size_lie.is_some() {
            self.ended = true;
            return;
        }
        self.padded(stored);
    }

    fn header(&mut self, path: &str, kind: tar::EntryType, size: u64) {
        self.bytes.extend_from_slice(&header(path.as_bytes(), kind, size, MTIME + self.forge.hour * 3600));
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}
