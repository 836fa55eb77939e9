//! An archive over several simulated cartridges comes back, each cartridge put in when it is asked for.

mod archives;
#[path = "support/chance.rs"]
mod chance;

use std::sync::Arc;

use archives::{MemoryOutput, class, scan, small};
use blocktar::archive::{Inputs, OpenArchive, OpenOptions, Reading};
use blocktar::backup::backup;
use blocktar::cartridge::Appending;
use blocktar::drive::{Drive, LentDrive};
use blocktar::extent::Range;
use blocktar::extract::{ExtractRequest, extract};
use blocktar::media::further_media::{Further, FurtherMedia, TapeReading};
use blocktar::media::next_medium::NextMedium;
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, EarlyWarning, Mechanism};
use blocktar::media::tape::{AsItStands, TapeOutput, TapeOutputOptions};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::target::memory::Memory;
use chance::Chance;

const RECORD: u64 = 16 << 10;

fn asked() -> NextMedium {
    NextMedium::new(Some("true".to_owned()), &Arc::default())
}

/// Writes the image onto these cartridges, as many as it takes; in how many parts, if that succeeded.
fn write(image: &[u8], behaviour: Behaviour, cartridges: &[Cartridge]) -> Option<usize> {
    let mechanism = Mechanism::new(behaviour);
    mechanism.insert(&cartridges[0]);
    cartridges[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
    let options = TapeOutputOptions {
        record_bytes: Some(RECORD),
        place: Box::new(AsItStands { overwrite: false }),
        next_medium: asked(),
        open: Box::new(|_| panic!("nobody named another drive")),
    };
    let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Write).unwrap()), options).unwrap();
    let outcome = backup(&mut scan(image), &mut output, &small(), &Progress::default());
    outcome.ok().map(|summary| summary.written.parts.len())
}

/// Extracts a range from a drive into which the cartridges are put in this order: what came out, and what was said.
fn extracted(cartridges: &[&Cartridge], addresses: bool, range: Range) -> (Vec<u8>, Result<(), String>) {
    let mechanism = Mechanism::new(Behaviour { addresses, ..Behaviour::default() });
    mechanism.insert(cartridges[0]);
    cartridges[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
    let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
    let further = Further {
        next_medium: asked(),
        reading: TapeReading::Pieces,
        position: Box::new(|_: &mut dyn Drive, _| Ok(None)),
        open_drive: Box::new(|_| Ok(None)),
    };
    let first = TapeReading::Pieces.input(drive.clone()).unwrap();
    let next = FurtherMedia::new(Some(drive), "/dev/nst9".to_owned(), further);
    let options = OpenOptions { reading: Reading::PartByPart, ..OpenOptions::default() };
    let mut output = MemoryOutput::default();
    let archive = OpenArchive::open(Inputs::from(first).with_next(Box::new(next)), &options);
    let request = ExtractRequest { offset_bytes: range.start, length_bytes: Some(range.length), threads: 1 };
    let outcome = archive.and_then(|archive| extract(archive, &request, &mut output, &Progress::default()));
    let bytes = output.bytes.lock().unwrap().clone();
    (bytes, outcome.map(drop).map_err(|error| error.to_string()))
}

/// Only the cartridges that tell of the range are asked for, and those between where the drive's own is another.
#[test]
fn a_range_is_extracted_from_the_cartridges_that_hold_it() {
    let image = Chance::from_seed(9).bytes(1_200_000);
    let cartridges: Vec<_> = (0..4).map(|_| Cartridge::new(600_000, 100_000)).collect();
    assert_eq!(write(&image, Behaviour::default(), &cartridges), Some(3));
    let [first, second, third, _] = &cartridges[..] else { panic!() };
    let size = image.len() as u64;
    for (order, start, end) in [
        (&[first][..], 0, 100_000),
        (&[first, second, third], 10, size),
        (&[first, second], 300_000, 700_000),
        (&[first, second, third], size - 70_000, size),
        (&[third], size - 70_000, size),
        // The third is in the drive, and the range begins before it.
        (&[third, second, third], size / 2, size),
        (&[third, second, first], 0, 5000),
        (&[second, first, second], 300_000, 700_000),
        // A wrong one is given back.
        (&[first, third, second], 300_000, 700_000),
    ] {
        for addresses in [true, false] {
            let (bytes, outcome) = extracted(order, addresses, Range::between(start, end));
            outcome.unwrap_or_else(|error| panic!("{start} to {end}, {addresses}: {error}"));
            assert!(bytes == image[start as usize..end as usize], "{start} to {end}: other bytes");
        }
    }
    // Of a range of which nobody brings the rest nothing but right bytes went out, and the part is named.
    let (bytes, outcome) = extracted(&[first], true, Range::between(10, size));
    assert!(image[10..].starts_with(&bytes) && outcome.unwrap_err().contains("part 2"));
    // Of another cutting: its second part lies elsewhere on the disk.
    let others: Vec<_> = (0..4).map(|_| Cartridge::new(500_000, 100_000)).collect();
    write(&image, Behaviour::default(), &others).unwrap();
    let (_, outcome) = extracted(&[first, &others[1]], true, Range::between(10, size));
    assert!(outcome.unwrap_err().contains("another archive"));
}

/// Restores from a drive into which the cartridges are put in this order.
fn read(cartridges: &[Cartridge], behaviour: Behaviour, size: usize) -> (Vec<u8>, Option<&'static str>) {
    let mechanism = Mechanism::new(behaviour);
    mechanism.insert(&cartridges[0]);
    cartridges[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
    let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
    let further = Further {
        next_medium: asked(),
        reading: TapeReading::Forward,
        position: Box::new(|_: &mut dyn Drive, _| Ok(None)),
        open_drive: Box::new(|_| Ok(None)),
    };
    let first = TapeReading::Forward.input(drive.clone()).unwrap();
    let next = FurtherMedia::new(Some(drive), "/dev/nst9".to_owned(), further);
    let inputs = Inputs::from(first).with_next(Box::new(next));
    let mut target = Memory::new(vec![0xff; size]);
    let opened = OpenArchive::open(inputs, &OpenOptions::default());
    let outcome = opened.and_then(|opened| {
        let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
        restore(opened, &mut target, &request, &Progress::default()).map_err(|failure| failure.error)
    });
    (target.bytes().to_vec(), outcome.err().map(|error| class(&error)))
}

#[test]
fn whatever_the_cartridges_are_like_the_image_comes_back() {
    let mut chance = Chance::new();
    let (mut restored, mut several) = (0, 0);
    for round in 0..60 {
        let length = 1 + chance.below(900_000) as usize;
        let image = chance.bytes(length);
        let behaviour = Behaviour {
            early_warning: [EarlyWarning::Documented, EarlyWarning::RecordedYetRefused][round % 2],
            addresses: round % 4 > 1 || round % 2 == 1,
            buffered_records: chance.below(8) as usize,
            ..Behaviour::default()
        };
        let cartridge = |_| Cartridge::new(300_000 + chance.below(500_000), chance.below(2) * (RECORD + 100_000));
        let cartridges: Vec<_> = (0..20).map(cartridge).collect();
        let Some(parts) = write(&image, behaviour.clone(), &cartridges) else { continue };
        let used: Vec<_> = cartridges.into_iter().filter(|cartridge| !cartridge.files().is_empty()).collect();
        // One that ended before a head was on it holds no part, and nobody asks for it.
        if used.len() != parts {
            continue;
        }
        let (bytes, failure) =
            read(&used, Behaviour { addresses: round % 3 == 0, ..Behaviour::default() }, image.len());
        assert_eq!(failure, None, "{behaviour:?}");
        assert!(bytes == image, "{behaviour:?}");
        restored += 1;
        several += usize::from(used.len() > 1);
    }
    assert!(restored > 40 && several > 8, "only {restored} were written, {several} onto several cartridges");
}

#[test]
fn wrong_cartridges_are_asked_for_again_and_missing_ones_are_told() {
    let image = Chance::from_seed(9).bytes(1_200_000);
    let cartridges: Vec<_> = (0..4).map(|_| Cartridge::new(600_000, 100_000)).collect();
    assert_eq!(write(&image, Behaviour::default(), &cartridges), Some(3));
    let [first, second, third, fourth] = &cartridges[..] else { panic!() };
    assert!(!third.files().is_empty() && fourth.files().is_empty());
    let put = |order: &[&Cartridge]| {
        let order: Vec<_> = order.iter().map(|cartridge| (*cartridge).clone()).collect();
        read(&order, Behaviour::default(), image.len())
    };
    // Blank, the third too early, the first again.
    let (bytes, failure) = put(&[first, third, first, second, third]);
    assert!(failure.is_none() && bytes == image, "{failure:?}");
    let (_, failure) = put(&[first, third]);
    assert_eq!(failure, Some("refused"), "the third for ever");
    assert_ne!(put(&[second, first]).1, None);
}

/// `--overwrite` with a cartridge that is put in once more: neither the one just filled nor one before it may be written over, whether its part has its end or
/// was cut by a hard end.
#[test]
fn no_cartridge_of_this_archive_is_overwritten_with_its_next_part() {
    let image = Chance::from_seed(9).bytes(1_200_000);
    for early_warning_bytes in [100_000, 0] {
        for order in [&[0, 0, 0, 0, 0, 0, 0][..], &[0, 1, 0, 1, 0, 1, 0, 1][..]] {
            let cartridges: Vec<_> = (0..2).map(|_| Cartridge::new(600_000, early_warning_bytes)).collect();
            let mechanism = Mechanism::new(Behaviour::default());
            mechanism.insert(&cartridges[order[0]]);
            order[1..].iter().for_each(|number| mechanism.lay_ready(&cartridges[*number]));
            let options = TapeOutputOptions {
                record_bytes: Some(RECORD),
                place: Box::new(Appending::new(true)),
                next_medium: asked(),
                open: Box::new(|_| panic!("nobody named another drive")),
            };
            let drive = Box::new(mechanism.open(Access::Both).unwrap());
            let mut output = TapeOutput::begin(drive, options).unwrap();
            let outcome = backup(&mut scan(&image), &mut output, &small(), &Progress::default());
            let parts = outcome.map(|summary| summary.written.parts.len());
            assert!(
                parts.is_err(),
                "{early_warning_bytes}, {order:?}: {parts:?} parts on as many cartridges as there are in it"
            );
        }
    }
}
