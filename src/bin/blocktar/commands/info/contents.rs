//! What a survey of an archive finds on the device, gathered into a picture.

use blocktar::archive::{BackupInfo, MapKind};
use blocktar::catalog::{Entry, Found, State};
use blocktar::extent::{ExtentKind, ExtentMap, Range};
use blocktar::ranges::RangeList;

use crate::picture::{ASCII, BLOCKS, Picture, Shown};
use crate::terminal;

/// What lies where, as far as the archive tells.
pub struct Contents {
    picture: Picture,
    size_bytes: u64,
    /// Everything before this has been entered.
    at: u64,
    bad: RangeList,
    caption: String,
}

impl Contents {
    /// Nothing yet of the device of this archive.
    pub fn new(info: &BackupInfo) -> Self {
        let size_bytes = info.device.size_bytes;
        let picture = Picture::new(size_bytes, terminal::columns());
        let caption = format!("each character is {} of the device", picture.cell_text());
        let mut contents = Self { picture, size_bytes, at: 0, bad: RangeList::default(), caption };
        contents.enter_up_to(info.part.as_ref().map_or(0, |part| part.from), Shown::Missing);
        contents
    }

    /// Enters what the archive says of the next range.
    pub fn enter(&mut self, found: Found) {
        let range = found.range();
        self.enter_up_to(range.start, Shown::Unchanged);
        match found {
            Found::Data(_) => self.enter_up_to(range.end(), Shown::Data),
            Found::Zeros(_) => self.enter_up_to(range.end(), Shown::Zero),
            Found::Bad(_) => {
                self.enter_up_to(range.end(), Shown::Bad);
                self.bad.push(range);
            }
        }
    }

    fn enter_up_to(&mut self, end: u64, shown: Shown) {
        if self.at < end {
            self.picture.add(Range::between(self.at, end), shown);
            self.at = end;
        }
    }

    /// Enters what the archive left untold: what the map plans behind a fault or a part, what is unchanged at the end.
    pub fn fill_rest(&mut self, entry: &Entry, map: Option<&ExtentMap>) {
        let Some(info) = &entry.info else { return };
        let goes_on = entry.end.as_ref().is_some_and(|end| end.continues == Some(true));
        let is_part = info.part.is_some() || goes_on;
        let is_whole = matches!(entry.state, State::Complete | State::WithBadRanges);
        match map {
            Some(map) if info.map == MapKind::First => self.plan(map),
            _ if is_whole && !is_part => {}
            _ => self.enter_up_to(self.size_bytes, Shown::Missing),
        }
        self.enter_up_to(self.size_bytes, Shown::Unchanged);
    }

    /// Enters the rest of the map, whose data is missing.
    fn plan(&mut self, map: &ExtentMap) {
        for extent in map.iter() {
            self.enter_up_to(extent.start, Shown::Unchanged);
            let shown = if extent.kind == ExtentKind::Data { Shown::Missing } else { Shown::Zero };
            self.enter_up_to(extent.end(), shown);
        }
    }

    /// The ranges that could not be read when the backup was made.
    pub fn bad(&self) -> &RangeList {
        &self.bad
    }

    /// What stands above the picture.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The picture, in characters that the terminal can show.
    pub fn lines(&self) -> Vec<String> {
        self.picture.lines(if terminal::is_unicode() { &BLOCKS } else { &ASCII })
    }
}
