//! Media in memory on which an archive goes on from one to the next, each of a capacity that a test sets.
#![allow(dead_code)] // No test program uses all of it.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use blocktar::backup::{BackupRequest, BackupSummary, backup};
use blocktar::error::{Error, Result};
use blocktar::progress::Progress;
use blocktar::stream::{Medium, Output, PartEnded, Source, Spanning};

/// The records of these media.
pub const RECORD: usize = 4096;

/// What one medium takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// So many bytes, and not one more.
    pub bytes: u64,
    /// Behind so many it says that it will soon be full.
    pub warning: u64,
    /// So many of the last bytes that it took may be lost at its end.
    pub cache: u64,
    /// Whether they are there all the same, and nobody can know.
    pub keeps: bool,
    /// Whether what closes it fails at the hard end although all bytes went in.
    pub filemark_fails: bool,
}

impl Capacity {
    /// One that warns in time for this much.
    pub fn warning(bytes: u64, zone: u64) -> Self {
        Self { bytes, warning: bytes - zone, cache: 0, keeps: false, filemark_fails: false }
    }

    /// One that ends without a warning, and had not yet recorded the last bytes that it took.
    pub fn hard(bytes: u64, cache: u64) -> Self {
        Self { bytes, warning: bytes, cache, keeps: false, filemark_fails: false }
    }
}

/// One medium after another; what each of them holds stays when the output is dropped.
pub struct MemoryMedia {
    name: String,
    /// What the medium of each number takes; the last one of all further ones.
    capacities: Vec<Capacity>,
    /// What each medium holds.
    pub media: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How each part ended.
    pub ended: Arc<Mutex<Vec<PartEnded>>>,
    current: Vec<u8>,
    full: bool,
    finished: bool,
}

impl MemoryMedia {
    /// Media of these capacities; all further ones are like the last.
    pub fn new(capacities: &[Capacity]) -> Self {
        Self {
            name: "medium 1".to_owned(),
            capacities: capacities.to_vec(),
            media: Arc::default(),
            ended: Arc::default(),
            current: Vec::new(),
            full: false,
            finished: false,
        }
    }

    fn capacity(&self) -> Capacity {
        let place = self.media.lock().unwrap().len().min(self.capacities.len() - 1);
        self.capacities[place]
    }

    /// The medium is full: what it had only in its cache is gone.
    fn end(&mut self) -> Error {
        let loses = !self.full && !self.capacity().keeps;
        let cached = if loses { self.capacity().cache as usize } else { 0 };
        self.full = true;
        let kept = self.current.len().saturating_sub(cached) / RECORD * RECORD;
        self.current.truncate(kept);
        Error::io("writing", &self.name, io::Error::from_raw_os_error(28))
    }

    fn put_away(&mut self) {
        self.media.lock().unwrap().push(std::mem::take(&mut self.current));
        self.full = false;
        self.name = format!("medium {}", self.media.lock().unwrap().len() + 1);
    }

    fn write_filemark(&mut self) -> Result<()> {
        let capacity = self.capacity();
        if capacity.filemark_fails && self.current.len() as u64 > capacity.warning {
            return Err(self.end());
        }
        Ok(())
    }
}

impl Output for MemoryMedia {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        assert!(!self.full && !self.finished, "nobody writes behind the end");
        pieces.iter().for_each(|piece| self.current.extend_from_slice(piece));
        let capacity = self.capacity();
        if self.current.len() as u64 > capacity.bytes {
            self.current.truncate(capacity.bytes as usize);
            return Err(self.end());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.write_filemark()?;
        self.put_away();
        self.finished = true;
        Ok(())
    }

    fn spanning(&mut self) -> Option<&mut dyn Spanning> {
        Some(self)
    }
}

impl Spanning for MemoryMedia {
    fn medium(&self) -> Option<Medium> {
        let file = Some(self.media.lock().unwrap().len() as u64);
        Some(Medium { name: Some(self.name.clone()), file, ..Medium::default() })
    }

    fn record_bytes(&self) -> Option<u64> {
        Some(RECORD as u64)
    }

    fn member_bytes_max(&self) -> Option<u64> {
        Some(1 << 20)
    }

    fn has_room(&mut self, bytes: u64) -> bool {
        let capacity = self.capacity();
        let zone = capacity.bytes - capacity.warning;
        if zone == 0 { true } else { self.current.len() as u64 + bytes.saturating_sub(zone) <= capacity.warning }
    }

    fn down_bytes(&mut self) -> u64 {
        let capacity = self.capacity();
        let cached = if self.full && !capacity.keeps { 0 } else { capacity.cache };
        (self.current.len() as u64).saturating_sub(cached) / RECORD as u64 * RECORD as u64
    }

    fn is_full(&self) -> bool {
        self.full
    }

    fn next_medium(&mut self, ended: &PartEnded) -> Result<()> {
        assert!(ended.closed || self.full, "only a medium that is full is left without an end");
        if ended.closed {
            self.write_filemark()?;
        }
        self.ended.lock().unwrap().push(ended.clone());
        assert!(self.ended.lock().unwrap().len() < 1000, "an archive without end");
        self.put_away();
        Ok(())
    }
}

/// Backs up onto media of these capacities: what they hold, and what became of the backup.
pub fn back_up_onto(
    source: &mut dyn Source,
    request: &BackupRequest,
    capacities: &[Capacity],
) -> (Vec<Vec<u8>>, Result<BackupSummary>) {
    let mut output = MemoryMedia::new(capacities);
    let outcome = backup(source, &mut output, request, &Progress::default());
    let media = output.media.lock().unwrap().clone();
    (media, outcome)
}

/// A member of a part, as a stock tar program sees it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its path below the id.
    pub path: String,
    /// Its record.
    pub record: serde_json::Value,
    /// Its stored bytes.
    pub stored: Vec<u8>,
}

/// The whole members of a part in order, by the `tar` crate; a broken part is read as far as it goes.
pub fn members(part: &[u8]) -> Vec<Member> {
    let mut archive = tar::Archive::new(part);
    let mut members = Vec::new();
    for entry in archive.entries().unwrap() {
        let Ok(mut entry) = entry else { break };
        let Ok(Some(mut extensions)) = entry.pax_extensions() else { break };
        let record = extensions.next().unwrap().unwrap().value_bytes().to_vec();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut stored = Vec::new();
        if io::Read::read_to_end(&mut entry, &mut stored).is_err()
            || stored.len() as u64 != entry.header().size().unwrap()
        {
            break;
        }
        let (_, path) = path.split_once('/').unwrap();
        members.push(Member { path: path.to_owned(), record: serde_json::from_slice(&record).unwrap(), stored });
    }
    members
}

/// The image that these parts hold, put together by the specification's section 10 alone: of each part what the next one does not repeat.
pub fn put_together(parts: &[Vec<u8>], size: usize) -> Vec<u8> {
    let all: Vec<_> = parts.iter().map(|part| members(part)).collect();
    // What ends before its map does is no part.
    let all: Vec<_> =
        all.into_iter().filter(|part| part.iter().any(|member| member.path.starts_with("extents.json"))).collect();
    let mut landed = BTreeMap::new();
    for (number, part) in all.iter().enumerate() {
        let first_seq = |part: &Vec<Member>| part[0].record["seq"].as_u64().unwrap();
        let until = all.get(number + 1).map_or(u64::MAX, first_seq);
        let data =
            |member: &&Member| member.path.starts_with("extent/") && member.record["seq"].as_u64().unwrap() < until;
        for member in part.iter().filter(data) {
            let again = landed.insert(member.record["offset"].as_u64().unwrap(), member.clone());
            assert!(again.is_none(), "{} counts twice", member.path);
        }
    }
    let mut image = vec![0; size];
    for (offset, member) in landed {
        let bytes = match member.path.ends_with(".zst") {
            true => zstd::decode_all(&member.stored[..]).unwrap(),
            false => member.stored,
        };
        image[offset as usize..offset as usize + bytes.len()].copy_from_slice(&bytes);
    }
    image
}
