//! Chains of which some archive lacks what could not be read.

mod archives;
#[path = "support/chance.rs"]
#[allow(dead_code)] // Only what a seed gives.
mod chance;
#[path = "chain_model/device.rs"]
#[allow(dead_code)] // Only the device that cannot be read.
mod device;

use std::ops::Range;
use std::sync::Arc;

use archives::descent::try_merge;
use archives::{MemoryInput, Way, back_up_source, small};
use blocktar::archive::{OpenArchive, OpenOptions, RewriteRequest};
use blocktar::backup::{BackupRequest, Changes, Since, audit};
use blocktar::baseline::Baseline;
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::restore::{Chain, RestoreRequest, RestoreSummary, restore};
use blocktar::source::Scan;
use blocktar::target::memory::Memory;
use chance::Chance;
use device::ModelDevice;

const SIZE: usize = 400_000;
const BAD: Range<usize> = 81_920..90_112;

fn opened(archives: &[Arc<Vec<u8>>], way: Way) -> Vec<OpenArchive> {
    let open = |archive| OpenArchive::open(MemoryInput::boxed(archive, way), &OpenOptions::default()).unwrap();
    archives.iter().map(open).collect()
}

/// Backs up a device as it is, of which some may be unreadable, on top of the archives before it.
fn back_up(archives: &mut Vec<Arc<Vec<u8>>>, bytes: &[u8], unreadable: Option<Range<usize>>) {
    let since = (!archives.is_empty()).then(|| {
        let baseline = Baseline::of_chain(&mut opened(archives, Way::File)).unwrap();
        Since { parent: baseline.parent().clone(), changes: Changes::ByDigest(baseline), samples: Vec::new() }
    });
    let mut device = ModelDevice::of(bytes.to_vec());
    device.unreadable = unreadable;
    let request = BackupRequest { keep_going: true, since, ..small() };
    archives.push(back_up_source(&mut Scan::new(device.image()), &request).unwrap().0);
}

fn restored(archives: &[Arc<Vec<u8>>], way: Way, size: usize) -> (RestoreSummary, Vec<u8>) {
    let chain = Chain::of(opened(archives, way), Base::Full, None).unwrap();
    let mut target = Memory::new(vec![0; size]);
    let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
    let summary = restore(chain, &mut target, &request, &Progress::default()).unwrap();
    (summary, target.bytes().to_vec())
}

#[test]
fn what_a_newer_archive_could_read_is_not_called_bad() {
    let bytes = Chance::from_seed(1).bytes(SIZE);
    let mut archives = Vec::new();
    back_up(&mut archives, &bytes, Some(BAD));
    back_up(&mut archives, &bytes, None);
    for way in [Way::File, Way::Pipe] {
        let (summary, image) = restored(&archives, way, SIZE);
        assert!(image == bytes && summary.bad.is_empty(), "{way:?}: {:?}", summary.bad);
        let (alone, image) = restored(&archives[..1], way, SIZE);
        assert!(alone.bad.bytes() >= BAD.len() as u64 && image[BAD].iter().all(|byte| *byte == 0), "{way:?}");
    }
}

#[test]
fn what_a_newer_archive_could_not_read_stays_as_it_was_and_is_named() {
    let bytes = Chance::from_seed(2).bytes(SIZE);
    let mut newer = bytes.clone();
    newer[100_000..].reverse();
    let mut archives = Vec::new();
    back_up(&mut archives, &bytes, None);
    back_up(&mut archives, &newer, Some(BAD));
    for way in [Way::File, Way::Pipe] {
        let (summary, image) = restored(&archives, way, SIZE);
        assert_eq!(summary.bad.count(), 1);
        assert!(image[BAD] == bytes[BAD] && image[100_000..] == newer[100_000..], "{way:?}");
    }
}

#[test]
fn a_sample_that_cannot_be_read_does_not_count_as_changed() {
    let bytes = Chance::from_seed(6).bytes(SIZE);
    let mut archives = Vec::new();
    back_up(&mut archives, &bytes, None);
    let baseline = Baseline::of_chain(&mut opened(&archives, Way::File)).unwrap();
    let chosen = baseline.sample(256, 1 << 20, SIZE as u64, baseline.digest(), &RangeSet::default());
    let mut device = ModelDevice::of(bytes);
    device.unreadable = Some(BAD);
    device.bytes[SIZE - 1] ^= 1;
    let found = audit(&device.image(), &chosen, baseline.digest(), &Progress::default()).unwrap();
    let holds = |ranges: &[blocktar::extent::Range], byte: usize| {
        ranges.len() == 1 && ranges[0].start <= byte as u64 && (byte as u64) < ranges[0].end()
    };
    assert!(holds(&found.unreadable, BAD.start) && holds(&found.differing, SIZE - 1), "{found:?}");
    assert_eq!(found.samples.len() + 2, chosen.len());
}

/// The device was cut and grew again: what it held before that is gone, and does not come back where nothing else could be read.
#[test]
fn what_was_cut_off_does_not_come_back() {
    let bytes = Chance::from_seed(3).bytes(SIZE);
    let mut grown = bytes[..60_000].to_vec();
    grown.extend(Chance::from_seed(4).bytes(SIZE - 60_000));
    let mut archives = Vec::new();
    back_up(&mut archives, &bytes, None);
    back_up(&mut archives, &bytes[..60_000], None);
    back_up(&mut archives, &grown, Some(BAD));
    for way in [Way::File, Way::Pipe] {
        let (summary, image) = restored(&archives, way, SIZE);
        let bad = summary.bad.kept()[0];
        let bad = bad.start as usize..bad.end() as usize;
        assert!(bad.start <= BAD.start && bad.end >= BAD.end, "{bad:?}");
        assert!(image[bad.clone()].iter().all(|byte| *byte == 0), "{way:?}: what was cut off came back");
        assert!(image[..bad.start] == grown[..bad.start] && image[bad.end..] == grown[bad.end..], "{way:?}");
    }
}

#[test]
fn a_merged_archive_calls_bad_what_its_newest_could_not_read() {
    let bytes = Chance::from_seed(3).bytes(SIZE);
    let mut archives = Vec::new();
    back_up(&mut archives, &bytes, None);
    back_up(&mut archives, &bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>(), Some(BAD));
    let given: Vec<_> = archives.iter().collect();
    let (merged, summary) = try_merge(&given, &RewriteRequest::default()).unwrap();
    let bad = summary.bad.kept();
    assert_eq!(bad.iter().map(|range| range.start as usize..range.end() as usize).collect::<Vec<_>>(), [BAD]);
    let warned = format!("{} bytes could not be read for a newer archive", BAD.len());
    assert!(summary.warnings.iter().any(|warning| warning.contains(&warned)), "{:?}", summary.warnings);
    // Not what the full holds there: that is of another state.
    let (restored, image) = restored(&[merged], Way::File, SIZE);
    assert!(restored.bad.bytes() == BAD.len() as u64 && image[BAD].iter().all(|byte| *byte == 0));
    assert!(image[..BAD.start].iter().zip(&bytes).all(|(one, other)| *one == other ^ 1));
}
