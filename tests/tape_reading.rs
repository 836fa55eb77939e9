//! Archives on tape are restored byte-identical or refused, whatever the drive and the cartridge do, and pieces of them are found with few positionings.

mod archives;

use std::sync::{Arc, LazyLock};

use archives::chance::{a_request, an_image, pattern};
use archives::{MemoryOutput, all_data, back_up, class, small};
use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::backup::BackupRequest;
use blocktar::drive::Drive;
use blocktar::error::Result;
use blocktar::extract::{ExtractRequest, extract};
use blocktar::media::tape::simulated::{Access, Behaviour, Cartridge, Mechanism, SimulatedDrive, Unreadable};
use blocktar::media::tape::{SeekableTapeInput, TapeInput};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::stream::Input;
use blocktar::target::memory::Memory;
use proptest::prelude::*;

/// Something else's tape file.
const OTHER: &[u8] = &[7; 4096];

/// A cartridge that holds the archive as its second tape file, between others.
fn cartridge(archive: &[u8], record_bytes: usize) -> Cartridge {
    let records = archive.chunks(record_bytes).map(<[u8]>::to_vec).collect();
    Cartridge::with_files(&[vec![OTHER.to_vec(); 2], records, vec![OTHER.to_vec()]])
}

/// A drive that stands before the archive.
fn before_the_archive(cartridge: &Cartridge, behaviour: Behaviour) -> (Mechanism, SimulatedDrive) {
    let mechanism = Mechanism::new(behaviour);
    mechanism.insert(cartridge);
    let mut drive = mechanism.open(Access::Read).unwrap();
    drive.space_files(1).unwrap();
    (mechanism, drive)
}

fn restored(input: Box<dyn Input>, size: usize) -> Result<Vec<u8>> {
    let mut target = Memory::new(vec![0xff; size]);
    let request = RestoreRequest { threads: 1, read_back: false, truncate: false };
    let archive = OpenArchive::open(input, &OpenOptions::default())?;
    restore(archive, &mut target, &request, &Progress::default()).map_err(|failure| failure.error)?;
    Ok(target.bytes().to_vec())
}

fn extracted(input: Box<dyn Input>, offset_bytes: u64, length_bytes: u64) -> Result<Vec<u8>> {
    let mut output = MemoryOutput::default();
    let request = ExtractRequest { offset_bytes, length_bytes: Some(length_bytes), threads: 1 };
    let archive = OpenArchive::open(input, &OpenOptions::default())?;
    extract(archive, &request, &mut output, &Progress::default())?;
    let bytes = std::mem::take(&mut *output.bytes.lock().unwrap());
    Ok(bytes)
}

/// What a cartridge suffers between backup and restore.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    UnreadableOnce { passes: bool },
    Unreadable { passes: bool },
    Dropped,
    Doubled,
    Swapped,
    Changed,
    Cut,
}

impl Fault {
    /// Whether the archive is as sound as before.
    fn is_harmless(self) -> bool {
        matches!(self, Self::None | Self::UnreadableOnce { .. })
    }

    fn strike(self, cartridge: &Cartridge, address: usize) {
        match self {
            Self::None => {}
            Self::UnreadableOnce { passes } => cartridge.make_unreadable(address, Unreadable { failures: 1, passes }),
            Self::Unreadable { passes } => {
                cartridge.make_unreadable(address, Unreadable { failures: u32::MAX, passes });
            }
            Self::Dropped => cartridge.drop_block(address),
            Self::Doubled => cartridge.double_block(address),
            Self::Swapped => cartridge.swap_blocks(address, address + 1),
            Self::Changed => cartridge.change_record(address, |record| record[0] ^= 0x40),
            Self::Cut => cartridge.cut(address),
        }
    }
}

fn a_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        any::<bool>().prop_map(|passes| Fault::UnreadableOnce { passes }),
        any::<bool>().prop_map(|passes| Fault::Unreadable { passes }),
        Just(Fault::Dropped),
        Just(Fault::Doubled),
        Just(Fault::Swapped),
        Just(Fault::Changed),
        Just(Fault::Cut),
    ]
}

fn a_behaviour() -> impl Strategy<Value = Behaviour> {
    (any::<bool>(), any::<bool>()).prop_map(|(addresses, emulated)| Behaviour {
        addresses,
        stops_at_filemarks: !emulated,
        overshoots_filemarks: emulated,
        ..Behaviour::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_archive_on_any_cartridge_is_restored_or_refused(
        (image, extents) in an_image(), request in a_request(), behaviour in a_behaviour(),
        fault in a_fault(), place in 0.0f64..1.0, sectors in 1usize..200, seeking in any::<bool>(),
    ) {
        let archive = back_up(&image, &extents, &request);
        let cartridge = cartridge(&archive, 512 * sectors);
        let records: Vec<_> = archive.chunks(512 * sectors).collect();
        let struck = (place * records.len() as f64) as usize;
        fault.strike(&cartridge, 3 + struck);
        // Without addresses only its neighbour tells whether a failed read passed a record.
        let uncertain = !behaviour.addresses && struck > 0 && records[struck] == records[struck - 1];
        let (_, drive) = before_the_archive(&cartridge, behaviour);
        let input: Result<Box<dyn Input>> = match seeking {
            false => Ok(Box::new(TapeInput::new(Box::new(drive)))),
            true => SeekableTapeInput::open(Box::new(drive))
                .map(|input| Box::new(input) as Box<dyn Input>)
                .map_err(|cause| blocktar::error::Error::io("reading", "/dev/nst9", cause)),
        };
        match input.and_then(|input| restored(input, image.len())) {
            Ok(bytes) => prop_assert!(bytes == image, "{fault:?}: other bytes"),
            Err(error) => {
                prop_assert!(!fault.is_harmless() || uncertain, "{fault:?}: {error}");
                prop_assert!(["io", "incomplete", "damaged"].contains(&class(&error)), "{fault:?}: {error}");
            }
        }
    }
}

const RECORD: usize = 32 << 10;

/// So large that its head and its end are a small part of it.
static LARGE: LazyLock<(Vec<u8>, Arc<Vec<u8>>)> = LazyLock::new(|| {
    let image = pattern(24 << 20);
    let request = BackupRequest { record_bytes: RECORD as u64, ..small() };
    let archive = back_up(&image, &all_data(&image), &request);
    (image, archive)
});

fn seekable(cartridge: &Cartridge, behaviour: Behaviour) -> (Mechanism, Box<dyn Input>) {
    let (mechanism, drive) = before_the_archive(cartridge, behaviour);
    (mechanism, Box::new(SeekableTapeInput::open(Box::new(drive)).unwrap()))
}

#[test]
fn a_piece_is_found_with_five_positionings() {
    let (image, archive) = &*LARGE;
    let (mechanism, input) = seekable(&cartridge(archive, RECORD), Behaviour::default());
    let piece = extracted(input, 12_345_678, 300_000).unwrap();
    assert!(piece == image[12_345_678..12_645_678]);
    // To the tape file, to its end and back; to the index and the end member; to the member.
    assert!(mechanism.positionings() <= 5, "{}", mechanism.positionings());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_piece_of_a_large_archive_is_given_or_refused(
        from in 0.0f64..1.0, to in 0.0f64..1.0, behaviour in a_behaviour(), fault in a_fault(), place in 0.0f64..1.0,
    ) {
        let (image, archive) = &*LARGE;
        let cartridge = cartridge(archive, RECORD);
        fault.strike(&cartridge, 3 + (place * (archive.len() / RECORD) as f64) as usize);
        let (_, drive) = before_the_archive(&cartridge, behaviour);
        let places = [from, to].map(|place| (place * image.len() as f64) as u64);
        let (start, end) = (places[0].min(places[1]), places[0].max(places[1]));
        let Ok(input) = SeekableTapeInput::open(Box::new(drive)) else {
            prop_assert!(!fault.is_harmless());
            return Ok(());
        };
        match extracted(Box::new(input), start, end - start) {
            Ok(piece) => prop_assert!(piece == image[start as usize..end as usize], "{fault:?}: other bytes"),
            Err(error) => prop_assert!(!fault.is_harmless(), "{fault:?}: {error}"),
        }
    }
}

#[test]
fn what_follows_on_the_tape_is_never_read() {
    let (image, archive) = &*LARGE;
    let cartridge = cartridge(archive, RECORD);
    let last = cartridge.recorded().len() - 2;
    cartridge.make_unreadable(last, Unreadable::FOR_GOOD);
    let (mechanism, drive) = before_the_archive(&cartridge, Behaviour::default());
    assert!(restored(Box::new(TapeInput::new(Box::new(drive))), image.len()).unwrap() == *image);
    let mut drive = mechanism.open(Access::Read).unwrap();
    assert_eq!(drive.address().unwrap() as usize, last);
}
