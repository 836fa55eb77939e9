//! Takes an archive apart into its members, however damaged, and puts members together as an archive.

use serde_json::{Map, Value};

use crate::archives::{BLOCK, forge};

/// The texts of members are looked into up to this length.
const PLAIN_MAX: usize = 1 << 20;

/// One member: what its headers and its record say, and what it stores.
#[derive(Clone, Debug)]
pub struct Member {
    /// The path below the archive's id.
    pub path: Vec<u8>,
    /// The record's text.
    pub record: Vec<u8>,
    /// The stored bytes.
    pub stored: Vec<u8>,
}

/// An archive in pieces.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The folder in front of all names.
    pub id: Vec<u8>,
    /// The mtime of all headers.
    pub mtime: u64,
    /// The members in order.
    pub members: Vec<Member>,
    /// What follows the last member that could be told apart.
    pub tail: Vec<u8>,
}

fn octal(field: &[u8]) -> Option<usize> {
    usize::from_str_radix(str::from_utf8(field).ok()?, 8).ok()
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(BLOCK)
}

/// One frame of these bytes.
pub fn frame(plain: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(plain, 1).unwrap_or_default()
}

/// One member at the front of these bytes, its folder, its mtime, and how many bytes it takes.
fn member_at(bytes: &[u8]) -> Option<(Member, Vec<u8>, u64, usize)> {
    let pax_size = octal(bytes.get(124..135)?)?;
    let header_at = BLOCK.checked_add(padded(pax_size.min(1 << 20)))?;
    let pax = bytes.get(BLOCK..BLOCK + pax_size)?;
    let header = bytes.get(header_at..header_at + BLOCK)?;
    let (size, mtime) = (octal(&header[124..135])?, octal(&header[136..147])? as u64);
    let stored_at = header_at + BLOCK;
    let stored = bytes.get(stored_at..stored_at.checked_add(size)?)?.to_vec();
    let name = header[..100].split(|byte| *byte == 0).next()?;
    let slash = name.iter().position(|byte| *byte == b'/')?;
    let equals = pax.iter().position(|byte| *byte == b'=')?;
    let record = pax[equals + 1..].strip_suffix(b"\n")?.to_vec();
    let member = Member { path: name[slash + 1..].to_vec(), record, stored };
    Some((member, name[..slash].to_vec(), mtime, (stored_at + padded(size)).min(bytes.len())))
}

impl Archive {
    /// Takes apart what can be; `None` if there is not even one member.
    pub fn take_apart(bytes: &[u8]) -> Option<Self> {
        let (_, id, mtime, _) = member_at(bytes)?;
        let mut archive = Self { id, mtime, members: Vec::new(), tail: Vec::new() };
        let mut at = 0;
        while let Some((member, _, _, length)) = member_at(&bytes[at..]) {
            archive.members.push(member);
            at += length;
        }
        archive.tail = bytes[at..].to_vec();
        Some(archive)
    }

    /// The archive's bytes, its headers sound around whatever they hold.
    pub fn put_together(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for member in &self.members {
            bytes.extend_from_slice(&member.headers(&self.id, self.mtime));
            bytes.extend_from_slice(&member.stored);
            bytes.resize(padded(bytes.len()), 0);
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    /// Where the members' `x` headers begin.
    pub fn positions(&self) -> Vec<u64> {
        let mut at = 0;
        let mut begin = |member: &Member| {
            let begin = at;
            at += 2 * BLOCK + padded(forge::pax(&member.record).len()) + padded(member.stored.len());
            begin as u64
        };
        self.members.iter().map(&mut begin).collect()
    }

    /// The place of the member of this path.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        self.members.iter().position(|member| member.path == path)
    }

    /// The backup-info, as far as it can be read.
    pub fn info(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.members.get(self.find(b"backup-info.json")?)?.stored).ok()
    }
}

impl Member {
    fn headers(&self, id: &[u8], mtime: u64) -> Vec<u8> {
        let pax = forge::pax(&self.record);
        let last = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let pax_path = [id, b"/PaxHeaders/", last].concat();
        let mut headers = forge::header(&pax_path, tar::EntryType::XHeader, pax.len() as u64, mtime).to_vec();
        headers.extend_from_slice(&pax);
        headers.resize(padded(headers.len()), 0);
        let path = [id, b"/", &self.path[..]].concat();
        headers.extend_from_slice(&forge::header(&path, tar::EntryType::Regular, self.stored.len() as u64, mtime));
        headers
    }

    /// Whether its name says that it stores a frame.
    pub fn is_compressed(&self) -> bool {
        self.path.ends_with(b".zst")
    }

    /// The bytes before compression; `None` of a frame that cannot be read or holds too much to look into.
    pub fn plain(&self) -> Option<Vec<u8>> {
        if self.is_compressed() {
            zstd::bulk::decompress(&self.stored, PLAIN_MAX).ok()
        } else {
            Some(self.stored.clone())
        }
    }

    /// Stores these bytes in the way that its name says.
    pub fn store(&mut self, plain: Vec<u8>) {
        self.stored = if self.is_compressed() { frame(&plain) } else { plain };
    }

    /// The record's keys, as far as it can be read.
    pub fn keys(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.record).ok()
    }

    /// Puts these keys into the record.
    pub fn set_keys(&mut self, keys: &Map<String, Value>) {
        self.record = serde_json::to_vec(keys).unwrap_or_default();
    }
}
