//! Archives that somebody made to break a reader: always a clear error, never a panic, in bounded memory and time.
#![allow(unsafe_code)] // for an allocator that counts

mod archives;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use archives::forge::{Data, Forge, ID, MapExtent, frame, frame_of, sha256};
use archives::{MemoryInput, Way, class};
use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::error::{Error, Result};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::Target;
use blocktar::verify::verify;

/// Counts what is allocated, and the most that was at once. Memory of the C library's own callers, such as zstd's contexts, is not in it.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEMORY_MAX: usize = 200 << 20;
const TIME_MAX: Duration = Duration::from_secs(20);

/// A target of any size that keeps only what it is told, not the bytes.
struct Vast {
    capacity: u64,
    written: Vec<(u64, Vec<u8>)>,
    zeros: u64,
    finished: bool,
}

impl Target for Vast {
    fn name(&self) -> &str {
        "vast"
    }
    fn capacity(&self) -> u64 {
        self.capacity
    }
    fn read_at(&self, buffer: &mut [u8], _: u64) -> Result<()> {
        buffer.fill(0);
        Ok(())
    }
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        assert!(offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= self.capacity));
        self.written.push((offset, bytes[..bytes.len().min(16)].to_vec()));
        Ok(())
    }
    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        assert!(offset.checked_add(length).is_some_and(|end| end <= self.capacity));
        self.zeros += length;
        Ok(())
    }
    fn sync(&mut self) -> Result<()> {
        Ok(())
    }
    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }
}

/// What came of an archive: of restoring it in both ways, and of verifying it.
struct Outcome {
    pipe: std::result::Result<Vast, Error>,
    file: std::result::Result<Vast, Error>,
    is_sound: bool,
    most_bytes: usize,
    took: Duration,
}

fn restored(archive: &Arc<Vec<u8>>, way: Way, threads: usize) -> std::result::Result<Vast, Error> {
    let opened = OpenArchive::open(MemoryInput::boxed(archive, way), &OpenOptions::default())?;
    let mut target = Vast { capacity: 1 << 60, written: Vec::new(), zeros: 0, finished: false };
    let request = RestoreRequest { threads, ..RestoreRequest::default() };
    let outcome = restore(opened, &mut target, &request, &Progress::default());
    assert_eq!(outcome.is_ok(), target.finished);
    outcome.map(|_| target).map_err(|failure| failure.error)
}

/// Archives read so far, and the most memory that any of them took.
static CASES: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn read(archive: Vec<u8>) -> Outcome {
    CASES.fetch_add(1, Relaxed);
    let archive = Arc::new(archive);
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let begun = Instant::now();
    let pipe = restored(&archive, Way::Pipe, 2);
    let file = restored(&archive, Way::File, 2);
    let is_sound = [Way::Pipe, Way::File].map(|way| {
        verify(MemoryInput::boxed(&archive, way), 2, &Progress::default()).is_ok_and(|report| report.is_sound())
    });
    assert_eq!(is_sound[0], is_sound[1]);
    let (took, most_bytes) = (begun.elapsed(), PEAK.load(Relaxed) - before);
    MOST.fetch_max(most_bytes, Relaxed);
    Outcome { pipe, file, is_sound: is_sound[0], most_bytes, took }
}

fn bounded(name: &str, outcome: &Outcome) {
    let Outcome { took, most_bytes, .. } = outcome;
    assert!(*most_bytes < MEMORY_MAX, "{name}: {} MiB at once", most_bytes >> 20);
    assert!(*took < TIME_MAX, "{name}: {took:?}");
}

fn refused(name: &str, archive: Vec<u8>) {
    let outcome = read(archive);
    bounded(name, &outcome);
    for (way, result) in [("pipe", &outcome.pipe), ("file", &outcome.file)] {
        let error = result.as_ref().err().unwrap_or_else(|| panic!("{name}, {way}: it was restored"));
        assert!(["damaged", "incomplete", "refused"].contains(&class(error)), "{name}, {way}: {error}");
        println!("{name}, {way}: {error}");
    }
    assert!(!outcome.is_sound, "{name}: it verifies");
}

fn sound(name: &str, archive: Vec<u8>) -> [Vast; 2] {
    let outcome = read(archive);
    bounded(name, &outcome);
    let restored = [outcome.pipe, outcome.file].map(|result| result.unwrap_or_else(|error| panic!("{name}: {error}")));
    assert!(outcome.is_sound, "{name}: it does not verify");
    restored
}

const SIZE: u64 = 200_000;
const MAX: u64 = (1 << 53) - 1;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| place as u8 | 1).collect()
}

/// Two members of data, a hole, and zeros that were found.
fn honest() -> Forge {
    let map = [(0, 100_000, false), (100_000, 50_000, true), (150_000, 50_000, false)];
    Forge::new(SIZE, &map, vec![Data::plain(0, &bytes(65_536)), Data::plain(160_000, &bytes(40_000))])
}

/// A change to the honest archive.
fn with(change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    let mut forge = honest();
    change(&mut forge);
    forge.build()
}

/// The cases run one after another: they share the counters.
#[test]
fn hostile_archives_are_refused_in_bounded_memory_and_time() {
    honest_ones();
    lying_sizes();
    endless_frames();
    impossible_offsets();
    huge_maps();
    deep_json();
    odd_names();
    extreme_numbers();
    let (cases, most_bytes) = (CASES.load(Relaxed), MOST.load(Relaxed));
    let _ = writeln!(std::io::stderr(), "{cases} forged archives, at most {} MiB at once", most_bytes >> 20);
}

/// What is refused below is refused for its fault, not because it was forged.
fn honest_ones() {
    for target in sound("honest", honest().build()) {
        assert_eq!((target.written.len(), target.zeros), (2, SIZE - 105_536));
    }
    let compressed = Data { stored: frame(&[7; 50_000]), compressed: true, ..Data::plain(0, &[7; 50_000]) };
    let map: [MapExtent; 1] = [(0, 50_000, false)];
    sound("compressed", Forge::new(50_000, &map, vec![compressed]).build());
    sound("an empty device", Forge::new(0, &[], vec![]).build());
    // The largest device, with data around every power at which arithmetic breaks.
    let places = [0, (1 << 31) - 1, 1 << 32, (1 << 43) - 4095, (1 << 43) + 1, 1 << 52, MAX - 4096];
    let data = places.map(|place| Data::plain(place, &bytes(4096)));
    let vast = Forge::new(MAX, &[(0, MAX, false)], data.to_vec()).build();
    for target in sound("the largest device", vast) {
        assert_eq!(target.written.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), places);
        assert_eq!(target.zeros, MAX - 7 * 4096);
    }
    sound("nesting that is allowed", with(|forge| forge.more_info = format!(",\"later\":{}", nested(32))));
}

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

fn lying_sizes() {
    const MEMBERS: [&str; 7] = [
        "backup-info.json",
        "RESTORE.txt",
        "extents.json",
        "extent/00000000000000000000",
        "extent/00000000000000160000",
        "index/00000000.jsonl.zst",
        "end.json",
    ];
    for member in MEMBERS {
        // Eleven octal digits; what some limit allows; a little; nothing.
        for size in [0o77_777_777_777, 1 << 32, (1 << 32) - 1, 64 << 20, 4 << 20, 900 << 10, 65_536, 100, 0] {
            refused(&format!("{member} of {size}"), with(|forge| forge.lying_size = Some((member.into(), size))));
        }
        for size in [0o77_777_777_777, 1 << 32, 3089, 3088, 0] {
            refused(
                &format!("{member}, header of {size}"),
                with(|forge| forge.lying_pax = Some((member.into(), size))),
            );
        }
    }
}

fn endless_frames() {
    const ENDLESS: u64 = 8 << 30;
    let bomb = frame_of(b"\0", ENDLESS, b"", b"");
    for length in [65_536, SIZE, ENDLESS, MAX] {
        let data = Data { length, stored: bomb[..].to_vec(), compressed: true, ..Data::plain(0, &[0]) };
        refused("a frame too long to store", with(|forge| forge.data[0] = data));
        let small = frame_of(b"\0", 1 << 28, b"", b"");
        let data = Data { length, stored: small, compressed: true, ..Data::plain(0, &[0; 65_536]) };
        refused("a member that expands", with(|forge| forge.data[0] = data));
    }
    let extent = br#",{"start":0,"length":1,"zero":true,"hole":true}"#;
    for (name, pattern, head) in [
        ("zeros", &b"\0"[..], &b""[..]),
        ("blanks", b" ", b"["),
        ("braces", b"}", b"["),
        ("digits", b"1", br#"[{"start":"#),
        ("extents", extent, &extent[1..]),
    ] {
        let stored = frame_of(pattern, ENDLESS / pattern.len() as u64, head, b"]");
        refused(&format!("a map of {name}"), with(|forge| forge.map_frame = Some((stored, ENDLESS))));
    }
    let zero = "{\"offset\":65536,\"length\":34464,\"kind\":\"zero\"}\n";
    for (name, pattern) in [("newlines", "\n"), ("zeros", "\0"), ("digits", "1"), ("zero lines", zero)] {
        let head = b"{\"index\":1,\"from\":0}\n";
        let repeats = ENDLESS / pattern.len() as u64;
        let stored = frame_of(pattern.as_bytes(), repeats, head, b"");
        refused(
            &format!("an index of {name}"),
            with(|forge| forge.index_frame = Some((stored, ENDLESS, sha256(b"of nothing")))),
        );
    }
}

fn impossible_offsets() {
    let powers = [32, 43, 53, 63].map(|power| 1u64 << power).map(|power| [power - 1, power, power + 1]);
    let places: Vec<u64> = powers.concat().into_iter().chain([SIZE, SIZE + 1, u64::MAX - 1, u64::MAX]).collect();
    for &place in &places {
        refused(&format!("data at {place}"), with(|forge| forge.data[1].offset = place));
        refused(&format!("data of {place}"), with(|forge| forge.data[1].length = place));
        refused(&format!("a map to {place}"), with(|forge| forge.map[2].1 = place));
        refused(&format!("a map from {place}"), with(|forge| forge.map[2].0 = place));
        refused(&format!("an index at {place}"), with(|forge| forge.indexes = Some(place.to_string())));
        refused(&format!("numbers from {place}"), with(|forge| forge.seq_shift = place));
        let line = format!("{{\"offset\":{place},\"length\":{place},\"kind\":\"zero\"}}\n");
        refused(&format!("an index with zeros at {place}"), with(|forge| forge.more_index = line));
    }
    for size in ["9007199254740992", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "1e5"]
    {
        refused(&format!("a device of {size}"), with(|forge| forge.size = size.into()));
    }
    let map: [(&str, [MapExtent; 3]); 5] = [
        ("overlapping", [(0, 100_001, false), (100_000, 50_000, true), (150_000, 50_000, false)]),
        ("unsorted", [(100_000, 50_000, true), (0, 100_000, false), (150_000, 50_000, false)]),
        ("with a gap", [(0, 99_999, false), (100_000, 50_000, true), (150_000, 50_000, false)]),
        ("with an empty extent", [(0, 150_000, false), (150_000, 0, true), (150_000, 50_000, false)]),
        ("that ends early", [(0, 100_000, false), (100_000, 50_000, true), (150_000, 49_999, false)]),
    ];
    for (name, map) in map {
        refused(&format!("a map {name}"), with(|forge| forge.map = map.to_vec()));
    }
    refused("overlapping data", with(|forge| forge.data.push(Data::plain(199_999, &[1]))));
    refused("the same data twice", with(|forge| forge.data.push(forge.data[1].clone())));
    refused("unsorted data", with(|forge| forge.data.reverse()));
    refused("data in a hole", with(|forge| forge.data.insert(1, Data::plain(110_000, &[1]))));
    refused("data across a hole", with(|forge| forge.data.insert(1, Data::plain(99_999, &[1, 1]))));
    refused("empty data", with(|forge| forge.data.insert(1, Data::plain(70_000, &[]))));
    for indexes in ["", "0", "0,0", "1,2,3", "18446744073709551616", "-1"] {
        refused(&format!("indexes at {indexes}"), with(|forge| forge.indexes = Some(indexes.into())));
    }
    let many = vec!["7"; 400_000].join(",");
    refused("very many indexes", with(|forge| forge.indexes = Some(many)));
}

fn huge_maps() {
    let extents = |count: u64| (0..count).map(|place| (place, 1, place % 2 == 1)).collect::<Vec<_>>();
    let most = 1 << 20;
    let forge = Forge::new(most, &extents(most), vec![]);
    for target in sound("the longest map", forge.build()) {
        assert_eq!(target.zeros, most);
    }
    let forge = Forge::new(most + 1, &extents(most + 1), vec![]);
    refused("a map of one extent too many", forge.build());
}

fn deep_json() {
    for levels in [33, 127, 128, 129, 10_000, 100_000] {
        let (array, object) = (nested(levels), r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels));
        for deep in [array, object] {
            let key = format!(",\"later\":{deep}");
            refused(&format!("backup-info {levels} deep"), with(|forge| forge.more_info = key.clone()));
            refused(&format!("a device {levels} deep"), with(|forge| forge.more_device = key.clone()));
            refused(&format!("an end member {levels} deep"), with(|forge| forge.more_end = key.clone()));
        }
    }
    refused("a number beyond 2^53", with(|forge| forge.more_info = ",\"later\":9007199254740992".into()));
    refused("the same key twice", with(|forge| forge.more_info = ",\"later\":1,\"later\":1".into()));
    refused("a very long value", with(|forge| forge.more_info = format!(",\"later\":\"{}\"", "x".repeat(300_000))));
    refused("half an escape", with(|forge| forge.more_info = ",\"later\":\"\\ud800\"".into()));
}

fn odd_names() {
    const DATA: &str = "extent/00000000000000000000";
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "extent/../00000000000000000000",
        "extent/./00000000000000000000",
        "extent//00000000000000000000",
        "extent/0000000000000000000",
        "extent/000000000000000000000",
        "extent/18446744073709551616",
        "extent/-0000000000000000001",
        "extent/00000000000000000000.zst.zst",
        "extent/00000000000000000000.ZST",
        "end.json",
        "backup-info.json",
        "extents.json",
        "index/00000000.jsonl.zst",
        "other",
        "~root",
        "a b",
        "\u{1b}[2J",
        "\n",
    ] {
        refused(&format!("data named {name:?}"), with(|forge| forge.renamed = Some((DATA.into(), name.into()))));
    }
    for folder in ["..", "/", "../..", ".", "0193f000-0000-7000-8000-000000000001", "x"] {
        refused(&format!("a folder named {folder}"), with(|forge| forge.folder = folder.into()));
    }
    for name in ["../x", "/x", "..", "", "a/b", ".x"] {
        let attached = format!(",\"attached\":[{{\"name\":\"{name}\",\"length\":1,\"sha256\":\"{}\"}}]", sha256(b"x"));
        refused(&format!("{name} attached"), with(|forge| forge.more_info = attached));
    }
    assert_eq!(ID.len(), 36);
}

fn extreme_numbers() {
    let file = |number: usize, length: u64| {
        format!("{{\"name\":\"a{number}\",\"length\":{length},\"sha256\":\"{}\"}}", sha256(b"x"))
    };
    for count in [1, 64, 65, 1500] {
        let files: Vec<_> = (0..count).map(|number| file(number, 4 << 20)).collect();
        let attached = format!(",\"attached\":[{}]", files.join(","));
        refused(&format!("{count} files that are not there"), with(|forge| forge.more_info = attached));
    }
    for length in [(4 << 20) + 1, MAX, MAX + 1, u64::MAX] {
        let attached = format!(",\"attached\":[{}]", file(0, length));
        refused(&format!("a file of {length}"), with(|forge| forge.more_info = attached));
    }
    for limit in ["0", "1", "4096", "65535", "65537", "67112960", "9007199254740991", "18446744073709551615", "-1"] {
        refused(&format!("an extent limit of {limit}"), with(|forge| forge.extent_limit = limit.into()));
    }
    for record in ["0", "1", "511", "513", "16777728", "9007199254740991", "18446744073709551615", "-512"] {
        refused(&format!("records of {record}"), with(|forge| forge.record_size = record.into()));
    }
}
