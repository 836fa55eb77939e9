//! An archive made from an archive is another archive of the same image; one in which anything is wrong gives none.

mod archives;
mod vector;

use std::sync::Arc;

use archives::chance::{a_buffer, a_compression, a_digest, a_request, an_image, pattern};
use archives::descent::{recompressed, try_recompress};
use archives::{MemoryInput, Way, WithoutMap, all_data, back_up, back_up_source, restore_bytes, small, verified};
use blocktar::archive::{BackupInfo, Compression, DigestKind, MapKind, OpenArchive, OpenOptions, RewriteRequest, Told};
use blocktar::error::Error;
use blocktar::extent::{Extent, Range};
use blocktar::ranges::RangeList;
use blocktar::recompress::RecompressSummary;
use blocktar::source::{MemoryImage, Scan};
use proptest::prelude::*;
use vector::Vector;

fn open(archive: &Arc<Vec<u8>>) -> OpenArchive {
    OpenArchive::open(MemoryInput::boxed(archive, Way::File), &OpenOptions::default()).unwrap()
}

/// What an archive says of the device.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    data: Vec<Range>,
    zeros: Vec<Range>,
    bad: Vec<Range>,
}

fn content(archive: &Arc<Vec<u8>>) -> Content {
    let mut content = Content { data: Vec::new(), zeros: Vec::new(), bad: Vec::new() };
    let tell = |told: Told<'_>| {
        match told {
            Told::Data { offset, bytes, .. } => {
                content.data.push(Range { start: offset, length: bytes.len() as u64 });
            }
            Told::Zeros(range) => content.zeros.push(range),
            Told::Bad(range) => content.bad.push(range),
            Told::Part(part) => panic!("it has one part: {part:?}"),
            Told::Damaged { why, .. } => panic!("{why}"),
        }
        Ok(())
    };
    open(archive).read_through(2, tell).unwrap();
    content
}

/// A data member is cut where the limit or the map demands it, or where something else follows, and nowhere else.
fn is_cut_as_it_must_be(archive: &Arc<Vec<u8>>) {
    let (limit, map) = (open(archive).info().extent_limit, open(archive).map().clone());
    let data = content(archive).data;
    for range in &data {
        assert_eq!(range.start / limit, (range.end() - 1) / limit, "{range:?} lies across a multiple of {limit}");
    }
    for pair in data.windows(2).filter(|pair| pair[0].end() == pair[1].start) {
        let at = pair[1].start;
        let needless = !at.is_multiple_of(limit) && !map.iter().any(|extent| extent.start == at);
        assert!(!needless, "two members touch at {at}, limit {limit}");
    }
}

/// What backup-info says of the backup, and not of the archive.
fn of_the_backup(info: &BackupInfo) -> BackupInfo {
    let attached = info.attached.iter().flatten().map(|file| format!("{} {}", file.name, file.length));
    BackupInfo {
        id: String::new(),
        program: attached.collect(),
        digest: DigestKind::Sha256,
        compression: Compression::None,
        extent_limit: 0,
        record_size: 0,
        attached: None,
        state: None,
        ..info.clone()
    }
}

/// All that must hold of an archive made from another.
fn descends(new: &Arc<Vec<u8>>, old: &Arc<Vec<u8>>, request: &RewriteRequest, summary: &RecompressSummary) {
    let (new_archive, old_archive) = (open(new), open(old));
    let (end, from) = (new_archive.end().unwrap(), old_archive.end().unwrap());
    assert_eq!((end, from), (&summary.written.end, &summary.from));
    assert_eq!(end.state, from.state);
    assert_eq!(end.finished, from.finished);
    assert!(end.id != from.id && end.digest != from.digest && end.digest != end.state);
    let (info, before) = (new_archive.info(), old_archive.info());
    assert_eq!(of_the_backup(info), of_the_backup(before));
    assert!(info.state == end.state || (info.state.is_none() && before.state.is_none()), "it tells another state");
    assert_eq!(info.program, concat!("blocktar ", env!("CARGO_PKG_VERSION")));
    assert_eq!(info.compression, request.compression.unwrap_or(before.compression));
    assert_eq!(info.digest, request.digest.unwrap_or(before.digest));
    assert_eq!(info.extent_limit, request.extent_limit_bytes.unwrap_or(before.extent_limit));
    assert_eq!(info.record_size, request.record_bytes.unwrap_or(before.record_size));
    assert_eq!(new.len() as u64 % info.record_size, 0);
    assert_eq!(new_archive.map(), old_archive.map());
    assert_eq!(content(new).bad, content(old).bad);
    is_cut_as_it_must_be(new);
    assert!(verified(new).is_sound(), "{:?}", verified(new).faults);
}

fn comes_back(archive: &Arc<Vec<u8>>, image: &[u8]) {
    for way in [Way::Pipe, Way::File] {
        let (restored, outcome) = restore_bytes(archive, way, 2, image.len());
        outcome.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert!(restored == image, "{way:?}: other bytes came back");
    }
}

fn any_change() -> impl Strategy<Value = RewriteRequest> {
    let compression = proptest::option::of(a_compression());
    let digest = proptest::option::of(a_digest());
    (compression, digest, proptest::option::of(16u64..21), proptest::option::of(1u64..40), 1usize..4, a_buffer())
        .prop_map(|(compression, digest, limit_log, records, threads, buffer_bytes)| RewriteRequest {
            compression,
            digest,
            extent_limit_bytes: limit_log.map(|log| 1 << log),
            record_bytes: records.map(|records| records * 512),
            threads,
            buffer_bytes,
            ..RewriteRequest::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// One from another from another: each restores the image, under the name that the first one gave it.
    #[test]
    fn any_chain_of_archives_keeps_state_and_image(
        (image, extents) in an_image(), request in a_request(), inline in any::<bool>(),
        changes in proptest::collection::vec((any::<bool>(), any_change()), 1..4)
    ) {
        let scan = Scan::new(MemoryImage::new(image.clone(), extents.clone()));
        let first = if inline { back_up_source(&mut WithoutMap(scan), &request) } else { back_up_source(&mut { scan }, &request) };
        let (mut archive, first) = first.unwrap();
        for (pipe, change) in changes {
            let (next, summary) = recompressed(&archive, if pipe { Way::Pipe } else { Way::File }, &change);
            descends(&next, &archive, &change, &summary);
            comes_back(&next, &image);
            archive = next;
        }
        prop_assert_eq!(open(&archive).end().unwrap().state, first.written.end.digest);
    }
}

/// More pieces than a batch takes, more members than an index lists, and a map that is long enough to be compressed.
#[test]
fn very_many_extents() {
    let count = 70_000u64;
    let mut image = vec![0; count as usize * 32];
    image.chunks_mut(32).enumerate().for_each(|(place, chunk)| chunk[..8].copy_from_slice(&(place + 1).to_le_bytes()));
    let extents = (0..count).flat_map(|place| [Extent::data(place * 32, 16), Extent::hole(place * 32 + 16, 16)]);
    let archive = back_up(&image, &extents.collect(), &small());
    let request = RewriteRequest { extent_limit_bytes: Some(1 << 20), threads: 3, ..RewriteRequest::default() };
    let (new, summary) = recompressed(&archive, Way::Pipe, &request);
    assert_eq!(summary.written.end.data_members, count);
    descends(&new, &archive, &request, &summary);
    comes_back(&new, &image);
}

/// Members of 64 KiB become members of the new limit, also where the zeros between them were found only while reading.
#[test]
fn what_touches_is_joined_up_to_the_new_limit() {
    let mut image = pattern(5 << 20);
    image[1_000_000..1_300_000].fill(0);
    image[3 << 20..4 << 20].fill(0);
    let archive = back_up(&image, &all_data(&image), &small());
    let zeros = content(&archive).zeros;
    assert_eq!(open(&archive).end().unwrap().data_members, 61);
    for (limit_bytes, members) in [(1 << 20, 4), (64 << 20, 3), (64 << 10, 61)] {
        let request = RewriteRequest { extent_limit_bytes: Some(limit_bytes), ..RewriteRequest::default() };
        let (new, summary) = recompressed(&archive, Way::File, &request);
        assert_eq!(summary.written.end.data_members, members, "limit {limit_bytes}");
        assert_eq!(content(&new).zeros, zeros);
        descends(&new, &archive, &request, &summary);
        comes_back(&new, &image);
    }
}

/// From a file, or of an archive that tells it.
#[test]
fn the_state_is_told_at_the_beginning_where_it_is_known_by_then() {
    let image = pattern(300_000);
    let archive = back_up(&image, &all_data(&image), &small());
    let state = open(&archive).end().unwrap().state;
    let again = |archive, way| recompressed(archive, way, &RewriteRequest::default()).0;
    let from_pipe = again(&archive, Way::Pipe);
    assert_eq!(open(&from_pipe).info().state, None);
    let from_file = again(&archive, Way::File);
    for told in [&from_file, &again(&from_pipe, Way::File), &again(&from_file, Way::Pipe)] {
        assert_eq!(open(told).info().state, state);
    }
}

/// A device of 8 PiB is zeros but for two places: nobody writes, digests or waits for these.
#[test]
fn zeros_cost_nothing() {
    let vector = vector::all().into_iter().find(|vector| vector.name == "full_device_2_53").unwrap();
    let request = RewriteRequest { digest: Some(DigestKind::Blake3), ..RewriteRequest::default() };
    let (new, summary) = recompressed(&vector.bytes, Way::Pipe, &request);
    descends(&new, &vector.bytes, &request, &summary);
    assert_eq!(content(&new), content(&vector.bytes));
}

fn changes() -> Vec<RewriteRequest> {
    let plain = RewriteRequest { compression: Some(Compression::None), threads: 1, ..RewriteRequest::default() };
    let other = RewriteRequest {
        compression: Some(Compression::Zstd(2)),
        extent_limit_bytes: Some(1 << 20),
        record_bytes: Some(4096),
        threads: 2,
        ..RewriteRequest::default()
    };
    let blake3 = RewriteRequest { digest: Some(DigestKind::Blake3), ..other.clone() };
    vec![RewriteRequest::default(), plain, other, blake3]
}

fn attached_files(archive: &Arc<Vec<u8>>) -> Vec<Option<Vec<u8>>> {
    let names = open(archive).info().attached.clone().unwrap_or_default();
    let content = |name: String| {
        let options = OpenOptions { attached: Some(name), ..OpenOptions::default() };
        let opened = OpenArchive::open(MemoryInput::boxed(archive, Way::File), &options).unwrap();
        opened.attached().map(<[u8]>::to_vec)
    };
    names.into_iter().map(|file| content(file.name)).collect()
}

/// Every kind of archive that there is: fulls, increments, undos, inline maps, bad ranges, attached files, keys that nobody knows.
#[test]
fn every_sound_vector_has_descendants() {
    let mut count = 0;
    for vector in vector::all().iter().filter(|vector| vector.codes("verify").iter().any(|code| [0, 8].contains(code)))
    {
        let has_samples = open(&vector.bytes).info().samples.is_some();
        for request in changes().into_iter().filter(|request| !has_samples || request.digest.is_none()) {
            let (new, summary) = recompressed(&vector.bytes, Way::Pipe, &request);
            descends(&new, &vector.bytes, &request, &summary);
            assert_eq!(attached_files(&new), attached_files(&vector.bytes), "{}", vector.name);
            let mut bad = RangeList::default();
            content(&vector.bytes).bad.into_iter().for_each(|range| bad.push(range));
            assert_eq!(summary.bad, bad, "{}", vector.name);
            if vector.restores() {
                let (image, outcome) = restore_bytes(&new, Way::Pipe, 2, vector.size());
                outcome.unwrap();
                vector.check_image("recompressed", &image, 0xff);
            }
            count += 1;
        }
    }
    assert!(count > 100, "only {count}");
}

#[test]
fn samples_keep_their_digest() {
    let vectors = vector::all();
    let named = |name: &str| vectors.iter().find(|vector| vector.name == name).unwrap();
    let blake3 = RewriteRequest { digest: Some(DigestKind::Blake3), ..RewriteRequest::default() };
    let error = try_recompress(&named("increment").bytes, Way::Pipe, &blake3).map(drop).unwrap_err();
    assert!(
        matches!(&error, Error::Refused(_)) && error.remedy().is_some_and(|help| help.contains("sha256")),
        "{error}"
    );
    recompressed(&named("increment_grown").bytes, Way::Pipe, &blake3);
}

#[test]
fn what_is_left_out_is_told() {
    let vectors = vector::all();
    let warnings = |name: &str| {
        let Vector { bytes, .. } = vectors.iter().find(|vector| vector.name == name).unwrap();
        recompressed(bytes, Way::Pipe, &RewriteRequest::default()).1.warnings
    };
    assert!(warnings("optional_member").iter().any(|sentence| sentence.ends_with("does not know: 4")));
    assert!(warnings("full_unknown_keys").iter().any(|sentence| sentence.contains("\"later\", \"z\", \"deepest\"")));
    for name in ["full_attached", "full_inline_bad_range", "increment_inline", "full_map_zst"] {
        assert!(warnings(name).is_empty(), "{name}: {:?}", warnings(name));
    }
}

/// Zeros that the first reader had no eye for: its inline map tells them as data.
#[test]
fn an_inline_map_stays_inline() {
    let mut image = pattern(300_000);
    image[10_000..120_000].fill(0);
    let extents = [Extent::data(0, 130_000), Extent::data(130_000, 170_000)].into_iter().collect();
    let mut source = WithoutMap(Scan::new(MemoryImage::new(image.clone(), extents)));
    let (archive, _) = back_up_source(&mut source, &small()).unwrap();
    let request = RewriteRequest { extent_limit_bytes: Some(1 << 20), ..RewriteRequest::default() };
    let (new, summary) = recompressed(&archive, Way::Pipe, &request);
    assert_eq!(summary.written.end.backup_info.map, MapKind::Inline);
    assert_eq!(content(&new).data, [Range::between(0, 12_288), Range::between(118_784, 300_000)]);
    descends(&new, &archive, &request, &summary);
    comes_back(&new, &image);
}
