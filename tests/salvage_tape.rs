//! Archives salvaged from tape: whatever a cartridge suffered, all that is provably good is had, what is lost is exactly the rest, and nothing else is told.

mod archives;
mod broken;
mod support;

use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use archives::{MemoryInput, Way, all_data, back_up, class, positions, small};
use blocktar::archive::{Compression, Inputs, SalvageOptions, Salvaged};
use blocktar::backup::BackupRequest;
use blocktar::cartridge::{Selector, select};
use blocktar::drive::Drive;
use blocktar::error::Result;
use blocktar::extent::{Extent, ExtentMap};
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, Mechanism, Unreadable};
use blocktar::media::tape::{SeekableTapeInput, TapeInput};
use blocktar::progress::Progress;
use blocktar::range_set::RangeSet;
use blocktar::salvage::only::{OnlyRequest, restore_only};
use blocktar::stream::Input;
use blocktar::target::memory::Memory;
use broken::{Truth, salvaged_from};
use support::Chance;

const RECORD: usize = 8 << 10;
/// Other tape files lie before and behind the archive.
const OTHER: &[u8] = &[7; 4096];
/// The address of the archive's first record.
const FIRST: usize = 3;

/// An archive with members longer than several records and others much shorter, of which no two records are the same.
static ARCHIVE: LazyLock<(Arc<Vec<u8>>, Truth)> = LazyLock::new(|| {
    let mut chance = Chance::from_seed(7);
    let mut image: Vec<u8> = (0..332_200).map(|_| chance.next() as u8).collect();
    image[131_072..196_608].fill(0);
    image[250_000..330_000].fill(0);
    image[332_000..332_100].fill(0);
    let extents: ExtentMap = [
        Extent::data(0, 250_000),
        Extent::hole(250_000, 80_000),
        Extent::data(330_000, 2000),
        Extent::hole(332_000, 100),
        Extent::data(332_100, 100),
    ]
    .into_iter()
    .collect();
    let request = BackupRequest { record_bytes: RECORD as u64, compression: Compression::None, ..small() };
    let archive = back_up(&image, &extents, &request);
    let truth = Truth::of(&archive);
    (archive, truth)
});

/// What a cartridge suffered.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Unreadable { passes: bool },
    Dropped,
    Doubled,
    Swapped,
    Cut,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::Unreadable { passes: true },
        Self::Unreadable { passes: false },
        Self::Dropped,
        Self::Doubled,
        Self::Swapped,
        Self::Cut,
    ];

    fn strike(self, cartridge: &Cartridge, number: usize) {
        let address = FIRST + number;
        match self {
            Self::Unreadable { passes } => {
                cartridge.make_unreadable(address, Unreadable { failures: u32::MAX, passes });
            }
            Self::Dropped => cartridge.drop_block(address),
            Self::Doubled => cartridge.double_block(address),
            Self::Swapped => cartridge.swap_blocks(address, address + 1),
            Self::Cut => cartridge.cut(address),
        }
    }

    /// Whether a member that lies there is hit where it strikes this record.
    fn hits(self, number: usize, member: &Range<usize>) -> bool {
        let touches = |number: usize| member.start < (number + 1) * RECORD && number * RECORD < member.end;
        let in_one = member.start / RECORD == (member.end - 1) / RECORD;
        match self {
            Self::Unreadable { .. } | Self::Dropped => touches(number),
            Self::Doubled => false,
            // One that moves with its record is still whole.
            Self::Swapped => (touches(number) || touches(number + 1)) && !in_one,
            Self::Cut => member.end > number * RECORD,
        }
    }
}

fn records() -> usize {
    ARCHIVE.0.len() / RECORD
}

/// A cartridge with the archive as its second tape file.
fn cartridge() -> Cartridge {
    let archive = ARCHIVE.0.chunks(RECORD).map(<[u8]>::to_vec).collect();
    Cartridge::with_files(&[vec![OTHER.to_vec(); 2], archive, vec![OTHER.to_vec()]])
}

/// A drive that stands before the archive.
fn before_the_archive(cartridge: &Cartridge, behaviour: &Behaviour) -> (Mechanism, Box<dyn Input>) {
    let mechanism = Mechanism::new(behaviour.clone());
    mechanism.insert(cartridge);
    let mut drive = mechanism.open(Access::Read).unwrap();
    drive.space_files(1).unwrap();
    (mechanism, Box::new(TapeInput::new(Box::new(drive))))
}

fn salvaged(input: Box<dyn Input>, what: &str) -> Result<Salvaged> {
    salvaged_from(Inputs::from(input), &ARCHIVE.1, &SalvageOptions::default(), what)
}

/// With addresses and without; as an emulation that passes over filemarks as over records.
fn behaviours() -> [Behaviour; 3] {
    let drive = |addresses, emulated: bool| Behaviour {
        addresses,
        stops_at_filemarks: !emulated,
        overshoots_filemarks: emulated,
        ..Behaviour::default()
    };
    [drive(true, false), drive(false, false), drive(false, true)]
}

/// What is lost is within what these faults may cost; and it is all of that where the index is left, which tells all else.
fn check(found: &Salvaged, hit: impl Fn(&Range<usize>) -> bool, what: &str) {
    let cost = ARCHIVE.1.may_cost_where(&hit);
    let beyond: RangeSet = found.lost.iter().flat_map(|range| cost.missing_in(range)).collect();
    assert!(beyond.is_empty(), "{what}: {beyond:?} is lost beside {cost:?}: {:?}", found.faults);
    let data = ARCHIVE.1.data_where(&hit);
    let spared: RangeSet = data.iter().flat_map(|range| found.lost.missing_in(range)).collect();
    assert!(spared.is_empty(), "{what}: {spared:?} was told, and nothing is left of it");
    if !ARCHIVE.1.hits_index(&hit) {
        assert_eq!(found.lost, data, "{what}: {:?}", found.faults);
    }
}

#[test]
fn one_fault_of_a_record_costs_the_members_that_it_hits_and_no_more() {
    for behaviour in behaviours() {
        for fault in Fault::ALL {
            for number in 0..records() - 1 {
                let what = format!("{fault:?} of record {number}, addresses: {}", behaviour.addresses);
                let cartridge = cartridge();
                fault.strike(&cartridge, number);
                let (_, input) = before_the_archive(&cartridge, &behaviour);
                match salvaged(input, &what) {
                    Ok(found) => check(&found, |member| fault.hits(number, member), &what),
                    Err(error) => assert!(matches!(fault, Fault::Cut) && number == 0, "{what}: {error}"),
                }
            }
        }
    }
}

#[test]
fn two_faults_cost_what_both_hit() {
    let mut chance = Chance::new();
    for _ in 0..400 {
        let one = chance.below(records() as u64 - 4) as usize;
        let other = one + 2 + chance.below((records() - one - 3) as u64) as usize;
        let faults = [one, other].map(|number| (Fault::ALL[chance.below(6) as usize], number));
        let cartridge = cartridge();
        // The later one first: one that takes a record out, or puts one in, moves all behind it.
        faults.iter().rev().for_each(|(fault, number)| fault.strike(&cartridge, *number));
        let behaviour = &behaviours()[chance.below(3) as usize];
        let (_, input) = before_the_archive(&cartridge, behaviour);
        let what = format!("{faults:?}, addresses: {}", behaviour.addresses);
        let hit = |member: &Range<usize>| faults.iter().any(|(fault, number)| fault.hits(*number, member));
        match salvaged(input, &what) {
            Ok(found) => {
                let cost = ARCHIVE.1.may_cost_where(hit);
                let beyond: RangeSet = found.lost.iter().flat_map(|range| cost.missing_in(range)).collect();
                assert!(beyond.is_empty(), "{what}: {beyond:?} is lost beside {cost:?}: {:?}", found.faults);
            }
            Err(error) => assert!(matches!(faults[0], (Fault::Cut, 0)), "{what}: {error}"),
        }
    }
}

/// A record that the drive recorded and said to have refused lies twice on the tape.
#[test]
fn a_doubled_record_is_taken_once_and_told() {
    for number in 0..records() {
        let cartridge = cartridge();
        Fault::Doubled.strike(&cartridge, number);
        let (_, input) = before_the_archive(&cartridge, &Behaviour::default());
        let found = salvaged(input, "doubled").unwrap();
        assert!(found.lost.is_empty() && found.end_found, "{number}: {:?}", found.faults);
    }
}

/// Behind it nothing can be had; everything before it is.
#[test]
fn a_record_that_cannot_be_passed_ends_it_and_what_came_before_counts() {
    let behaviour = Behaviour { addresses: false, spaces_by_reading: true, ..Behaviour::default() };
    for number in 1..records() - 1 {
        let cartridge = cartridge();
        Fault::Unreadable { passes: false }.strike(&cartridge, number);
        let (_, input) = before_the_archive(&cartridge, &behaviour);
        let what = format!("stuck at record {number}");
        let found = salvaged(input, &what).unwrap();
        check(&found, |member| member.end > number * RECORD, &what);
        assert!(found.faults.kept().iter().any(|fault| fault.contains("could not be read either")), "{what}");
    }
    let cartridge = cartridge();
    Fault::Unreadable { passes: false }.strike(&cartridge, 0);
    let (_, input) = before_the_archive(&cartridge, &behaviour);
    assert_eq!(class(&salvaged(input, "stuck at once").unwrap_err()), "io");
}

/// Resets the drive once so many bytes were read.
struct Resets {
    input: Box<dyn Input>,
    mechanism: Mechanism,
    left: usize,
}

impl Input for Resets {
    fn name(&self) -> &str {
        self.input.name()
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.mechanism.reset();
        }
        let most = buffer.len().min(self.left.max(1));
        let length = self.input.read(&mut buffer[..most])?;
        self.left = self.left.saturating_sub(length);
        Ok(length)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.input.seek_to(position)
    }

    fn pass_unreadable(&mut self, cause: &io::Error) -> Option<io::Result<u64>> {
        self.input.pass_unreadable(cause)
    }
}

#[test]
fn a_reset_in_between_ends_it_and_what_came_before_counts() {
    for behaviour in behaviours() {
        for number in 1..records() - 1 {
            let (mechanism, input) = before_the_archive(&cartridge(), &behaviour);
            let what = format!("reset before record {number}");
            let found = salvaged(Box::new(Resets { input, mechanism, left: number * RECORD }), &what).unwrap();
            check(&found, |member| member.end > number * RECORD, &what);
            assert!(found.faults.kept().iter().any(|fault| fault.contains("reset in between")), "{:?}", found.faults);
        }
    }
}

/// Where the members lie whose names end so.
fn places(names: &[&str]) -> Vec<Range<usize>> {
    let begins = positions(&ARCHIVE.0);
    let named = |pair: &&[usize]| {
        let header = String::from_utf8_lossy(&ARCHIVE.0[pair[0]..pair[0] + 100]).into_owned();
        names.iter().any(|name| header.trim_end_matches('\0').ends_with(name))
    };
    begins.windows(2).filter(named).map(|pair| pair[0]..pair[1]).collect()
}

#[test]
fn without_head_map_index_or_end_and_without_all_of_them_the_members_tell() {
    let all = ["backup-info.json", "RESTORE.txt", "extents.json", ".jsonl.zst", "end.json"];
    let each: Vec<_> = all.iter().map(std::slice::from_ref).chain([&all[..], &all[2..], &all[3..]]).collect();
    for names in each {
        let places = places(names);
        assert_eq!(places.len(), names.len(), "{names:?}");
        let mut spoiled = ARCHIVE.0.to_vec();
        places.iter().for_each(|place| spoiled[place.clone()].fill(0x55));
        let cartridge =
            Cartridge::with_files(&[vec![OTHER.to_vec(); 2], spoiled.chunks(RECORD).map(<[u8]>::to_vec).collect()]);
        let (_, on_tape) = before_the_archive(&cartridge, &Behaviour::default());
        let spoiled = Arc::new(spoiled);
        for input in [on_tape, MemoryInput::boxed(&spoiled, Way::File), MemoryInput::boxed(&spoiled, Way::Pipe)] {
            let found = salvaged(input, &format!("{names:?}")).unwrap();
            assert!(
                ARCHIVE.1.data_where(|_| true).iter().all(|range| !found.lost.touches(range)),
                "{names:?}: {:?}",
                found.lost
            );
            assert!(names.len() > 1 || found.lost.is_empty(), "{names:?}: {:?}", found.lost);
            assert_eq!((found.end_found, found.faults.is_empty()), (!names.contains(&"end.json"), false), "{names:?}");
            assert_eq!(found.size.certain, names.len() < all.len(), "{names:?}");
        }
    }
}

/// Of several archives on a cartridge the one that is chosen, however it is broken, and nothing of the others.
#[test]
fn of_several_archives_the_one_is_salvaged_that_is_chosen() {
    let image: Vec<u8> = (0..200_000u32).map(|place| (place % 249) as u8 + 1).collect();
    let request = |name: &str| BackupRequest {
        name: Some(name.to_owned()),
        record_bytes: RECORD as u64,
        compression: Compression::None,
        ..small()
    };
    let archives = ["web", "mail", "web"].map(|name| back_up(&image, &all_data(&image), &request(name)));
    let records = |archive: &Arc<Vec<u8>>| archive.chunks(RECORD).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let truths = archives.each_ref().map(Truth::of);
    let ids = archives.each_ref().map(|archive| String::from_utf8(archive[..36].to_vec()).unwrap());
    let first_of_last = archives[..2].iter().map(|archive| archive.len() / RECORD + 1).sum::<usize>();
    let chosen = |selector: Selector, address: usize| {
        let cartridge = Cartridge::with_files(&archives.each_ref().map(records));
        cartridge.make_unreadable(address, Unreadable::FOR_GOOD);
        let mut drive = Mechanism::holding(&cartridge).open(Access::Read).unwrap();
        select(&mut drive, &selector).unwrap();
        Box::new(TapeInput::new(Box::new(drive))) as Box<dyn Input>
    };
    // One in the middle, and the archive's very first, which its end and its tape file survive.
    for address in [first_of_last + 8, first_of_last] {
        for selector in [Selector::Id(ids[2].clone()), Selector::Name("web".to_owned()), Selector::File(2)] {
            let what = format!("{selector:?}, {address}");
            let found =
                salvaged_from(chosen(selector, address), &truths[2], &SalvageOptions::default(), &what).unwrap();
            assert_eq!(found.id, ids[2], "{what}");
            assert!(found.others.is_empty() && found.lost.bytes() <= 2 << 16, "{what}: {:?}", found.lost);
        }
    }
    for (selector, number) in [(Selector::Id(ids[1].clone()), 1), (Selector::File(0), 0)] {
        let found =
            salvaged_from(chosen(selector, first_of_last), &truths[number], &SalvageOptions::default(), "sound")
                .unwrap();
        assert!(found.id == ids[number] && found.lost.is_empty(), "{number}");
    }
}

#[test]
fn what_is_lost_comes_from_a_copy_on_tape() {
    let size = ARCHIVE.1.size_bytes as usize;
    for behaviour in behaviours() {
        for wanted in [0..10, 70_000..200_000, 0..size as u64] {
            let cartridge = cartridge();
            let mechanism = Mechanism::new(behaviour.clone());
            mechanism.insert(&cartridge);
            let mut drive = mechanism.open(Access::Read).unwrap();
            drive.space_files(1).unwrap();
            let input: Box<dyn Input> = Box::new(SeekableTapeInput::open(Box::new(drive)).unwrap());
            let wanted: RangeSet = [blocktar::extent::Range::between(wanted.start, wanted.end)].into_iter().collect();
            let request = OnlyRequest { wanted: wanted.clone(), threads: 1 };
            let mut target = Memory::new(vec![0xee; size]);
            let brought = restore_only(input, &request, &mut target, &Progress::default(), |_| Ok(())).unwrap();
            assert!(brought.lacking.is_empty() && brought.faults.is_empty(), "{wanted:?}: {:?}", brought.faults);
            for (place, found) in target.bytes().iter().enumerate() {
                let is_wanted = wanted.touches(blocktar::extent::Range { start: place as u64, length: 1 });
                let expected = if is_wanted { ARCHIVE.1.byte(place as u64).unwrap() } else { 0xee };
                assert_eq!(*found, expected, "{wanted:?}: byte {place}");
            }
        }
    }
}
