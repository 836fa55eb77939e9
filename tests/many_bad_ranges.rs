//! More bad ranges than any list keeps: every command counts all of them, for people and for programs.

mod archives;
mod place;
mod support;

use std::fs;
use std::io;

use archives::{back_up_source, small};
use blocktar::backup::BackupRequest;
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentMap};
use blocktar::source::Scan;
use blocktar::stream::{Device, Image};
use place::{Place, text};
use serde_json::Value;

const BLOCK: u64 = 4096;
const BAD: u64 = 1203;

/// Zeros, of which every second block cannot be read.
struct EverySecondBad(Device);

impl EverySecondBad {
    fn new() -> Self {
        let size_bytes = 2 * BAD * BLOCK;
        Self(Device { size_bytes, sector_bytes: 512, kind: "file".into(), path: "faulty".into(), ..Device::default() })
    }
}

impl Image for EverySecondBad {
    fn device(&self) -> &Device {
        &self.0
    }

    fn extents(&self) -> Result<ExtentMap> {
        Ok([Extent::data(0, self.0.size_bytes)].into_iter().collect())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        const EIO: i32 = 5;
        let (first, last) = (offset / BLOCK, (offset + buffer.len() as u64 - 1) / BLOCK);
        if first < last || first % 2 == 1 {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        buffer.fill(0);
        Ok(())
    }

    fn changes(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[test]
fn every_command_counts_all_of_them() {
    let request = BackupRequest { keep_going: true, threads: 1, ..small() };
    let (archive, summary) = back_up_source(&mut Scan::new(EverySecondBad::new()), &request).unwrap();
    assert_eq!((summary.bad.count(), summary.bad.bytes()), (BAD, BAD * BLOCK));

    let place = Place::of_size(4096);
    fs::write(place.path("bad.tar"), &archive[..]).unwrap();
    fs::write(place.path("zeros.img"), vec![0; (2 * BAD * BLOCK) as usize]).unwrap();
    for line in [
        "verify bad.tar",
        "info bad.tar",
        "restore -i bad.tar new.img --overwrite",
        "recompress bad.tar -o new.tar --overwrite",
        "compare bad.tar zeros.img",
    ] {
        let people = place.run(line);
        let said = text(&people.stdout) + &text(&people.stderr);
        assert_eq!(people.status.code(), Some(8), "{line}: {said}");
        assert!(said.contains(&format!("and {} more ranges", BAD - 20)), "{line}: {said}");

        let told: Value = serde_json::from_slice(&place.run(&format!("{line} --json")).stdout).unwrap();
        assert_eq!(told["bad"].as_array().unwrap().len(), 1000, "{line}");
        assert_eq!(
            (&told["bad_left_out"], &told["bad_bytes"]),
            (&(BAD - 1000).into(), &(BAD * BLOCK).into()),
            "{line}"
        );
    }
}
