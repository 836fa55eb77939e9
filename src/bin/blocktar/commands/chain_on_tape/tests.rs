//! Chains on cartridges in a simulated drive.

use std::fs;

use super::*;
use blocktar::archive::{Compression, Digest, DigestKind};
use blocktar::backup::{BackupRequest, Changes, Since, backup};
use blocktar::cartridge::Appending;
use blocktar::extent::{Extent, ExtentMap};
use blocktar::media::next_medium::Answer;
use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};
use blocktar::media::tape::{TapeOutput, TapeOutputOptions};
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::reblock::{ReblockRequest, reblock};
use blocktar::restore::{Chain, RestoreRequest, restore};
use blocktar::source::{MemoryImage, Scan};
use blocktar::target::memory::Memory;

const SIZE: usize = 600_000;

/// A full on the first and second cartridge, an increment on the second and third, and another on the third.
struct Shelf {
    cartridges: [Cartridge; 3],
    ids: Vec<String>,
    states: Vec<Vec<u8>>,
}

impl Shelf {
    fn new() -> Self {
        let cartridges =
            [Cartridge::new(300_000, 100_000), Cartridge::new(700_000, 100_000), Cartridge::new(4_000_000, 100_000)];
        let [first, second, third] = &cartridges;
        let mut image: Vec<u8> = (0..SIZE as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut states = vec![image.clone()];
        let mut parents = vec![written(&[first, second], &image, 0..SIZE, None)];
        for (changed, onto) in [(100_000..500_000, &[second, third][..]), (0..50_000, &[third][..])] {
            image[changed.clone()].iter_mut().for_each(|byte| *byte ^= 0x55);
            states.push(image.clone());
            parents.push(written(onto, &image, changed, parents.last()));
        }
        let ids = parents.into_iter().map(|parent| parent.id).collect();
        Self { cartridges, ids, states }
    }

    /// What comes back of this archive, with the cartridges in this order, and which parts of which archives were asked for.
    fn restored(&self, number: usize, order: &[usize]) -> (Vec<u8>, Vec<(u64, usize)>) {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let command = format!("echo $BLOCKTAR_PART $BLOCKTAR_ARCHIVE >> {}", notes.display());
        let mechanism = Mechanism::holding(&self.cartridges[order[0]]);
        order[1..].iter().for_each(|place| mechanism.lay_ready(&self.cartridges[*place]));
        let drive = LentDrive::new(Box::new(mechanism.open(Access::Read).unwrap()));
        let next_medium = NextMedium::new(Some(command), &Arc::default());
        let archives = open(drive, &self.ids[number], &next_medium).unwrap();
        let archives: Vec<_> = archives.into_iter().map(|(_, archive)| archive).collect();
        let chain = Chain::of(archives, Base::Full, None).unwrap();
        let mut target = Memory::new(vec![0xff; SIZE]);
        let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
        restore(chain, &mut target, &request, &Progress::default()).unwrap();
        let asked = fs::read_to_string(notes).unwrap_or_default();
        let asked = asked.lines().map(|line| {
            let (part, id) = line.split_once(' ').unwrap();
            (part.parse().unwrap(), self.ids.iter().position(|known| known == id).unwrap())
        });
        (target.bytes().to_vec(), asked.collect())
    }
}

/// Backs up this range onto these cartridges, behind what they hold.
fn written(onto: &[&Cartridge], image: &[u8], range: std::ops::Range<usize>, parent: Option<&Parent>) -> Parent {
    let mechanism = Mechanism::holding(onto[0]);
    onto[1..].iter().for_each(|cartridge| mechanism.lay_ready(cartridge));
    let options = TapeOutputOptions {
        record_bytes: Some(16 << 10),
        place: Box::new(Appending::new(false)),
        next_medium: NextMedium::answered(|_| Answer::Changed),
        open: Box::new(|_| panic!("nobody named another drive")),
    };
    let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Both).unwrap()), options).unwrap();
    let request = BackupRequest {
        compression: Compression::None,
        extent_limit_bytes: 64 << 10,
        since: parent.cloned().map(|parent| Since { parent, changes: Changes::Mapped("test"), samples: Vec::new() }),
        ..BackupRequest::default()
    };
    let map = |range: std::ops::Range<usize>| -> ExtentMap {
        [Extent::data(range.start as u64, range.len() as u64)].into_iter().collect()
    };
    let mut source = Scan::new(MemoryImage::new(image.to_vec(), map(0..SIZE))).with_map(map(range));
    let made = backup(&mut source, &mut output, &request, &Progress::default()).unwrap().written;
    assert_eq!(made.parts.len(), onto.len(), "{:?}", made.parts);
    Parent { id: made.end.id, state: made.end.state.unwrap(), device_size: SIZE as u64 }
}

#[test]
fn a_chain_is_restored_from_cartridge_to_cartridge() {
    let shelf = Shelf::new();
    for (number, order, asked) in [
        // From the newest to the full, and back.
        (2, &[2, 0, 1, 2][..], &[(1, 0), (2, 0), (2, 1)][..]),
        // The second has the full's last part: with that in the drive, the first is asked for when the restore begins.
        (2, &[2, 1, 0, 1, 2], &[(1, 0), (1, 0), (2, 0), (2, 1)]),
        (1, &[1, 0, 1, 2], &[(1, 0), (2, 0), (2, 1)]),
        (0, &[0, 1], &[(2, 0)]),
        (0, &[1, 0, 1], &[(1, 0), (2, 0)]),
        // Wrong ones in between.
        (2, &[2, 2, 0, 0, 1, 1, 2], &[(1, 0), (1, 0), (2, 0), (2, 0), (2, 1), (2, 1)]),
    ] {
        let (bytes, told) = shelf.restored(number, order);
        assert!(bytes == shelf.states[number], "archive {number} by {order:?}");
        assert_eq!(told, asked, "archive {number} by {order:?}");
    }
}

#[test]
fn a_file_may_be_named_for_what_is_on_no_cartridge_at_hand() {
    let shelf = Shelf::new();
    let folder = tempfile::tempdir().unwrap();
    for (place, cartridge) in shelf.cartridges[..2].iter().enumerate() {
        fs::write(folder.path().join(format!("{}.tar", place + 1)), cartridge.files()[0].concat()).unwrap();
    }
    let command = format!("echo {}/$BLOCKTAR_PART.tar", folder.path().display());
    let drive = LentDrive::new(Box::new(Mechanism::holding(&shelf.cartridges[2]).open(Access::Read).unwrap()));
    let archives = open(drive, &shelf.ids[2], &NextMedium::new(Some(command), &Arc::default())).unwrap();
    assert_eq!(archives.len(), 3);
    assert!(archives[0].0.ends_with("1.tar"), "{}", archives[0].0);
    assert_eq!(archives[0].1.info().id, shelf.ids[0]);
}

/// A full in one cartridge's only tape file and in a file, and increments on it in those of another.
struct Pair {
    folder: tempfile::TempDir,
    increments: Cartridge,
    made: Vec<Parent>,
}

impl Pair {
    fn new() -> Self {
        let (folder, full, increments) = (tempfile::tempdir().unwrap(), Cartridge::large(), Cartridge::large());
        let image = vec![7; SIZE];
        let mut made = vec![written(&[&full], &image, 0..SIZE, None)];
        for _ in 0..2 {
            made.push(written(&[&increments], &image, 0..4096, made.last()));
        }
        fs::write(folder.path().join("full.tar"), full.files()[0].concat()).unwrap();
        for (number, file) in increments.files().iter().enumerate() {
            fs::write(folder.path().join(format!("{}.tar", number + 1)), file.concat()).unwrap();
        }
        Self { folder, increments, made }
    }

    /// What is found from the last increment on, and how often the command was called, which has an end.
    fn opened(&self, command: &str) -> (Result<Vec<(String, ChainArchive)>>, usize) {
        let (there, notes) = (self.folder.path().display(), self.folder.path().join("notes"));
        let command = format!("cd {there}; echo asked >> notes; [ $(wc -l < notes) -lt 20 ] || exit 9; {command}");
        let drive = LentDrive::new(Box::new(Mechanism::holding(&self.increments).open(Access::Read).unwrap()));
        let archives = open(drive, &self.made[2].id, &NextMedium::new(Some(command), &Arc::default()));
        (archives, fs::read_to_string(notes).unwrap_or_default().lines().count())
    }
}

#[test]
fn a_file_that_the_increment_does_not_build_on_is_not_taken_for_its_parent() {
    let pair = Pair::new();
    let (archives, asked) = pair.opened("echo $PWD/1.tar");
    let error = archives.err().unwrap().to_string();
    assert!(error.contains("5 times") && error.contains("1.tar"), "{error}");
    assert_eq!(asked, 5);
    for wrong in ["1.tar", "2.tar", "notes", "none.tar"] {
        let pair = Pair::new();
        let (archives, asked) =
            pair.opened(&format!("[ $BLOCKTAR_REASON = next ] && echo $PWD/{wrong} || echo $PWD/full.tar"));
        let archives: Vec<_> = archives.unwrap().into_iter().map(|(_, archive)| archive).collect();
        assert_eq!(asked, 2, "{wrong}");
        assert_eq!(Chain::of(archives, Base::Full, None).unwrap().names().len(), 3, "{wrong}");
    }
}

/// The archive in these bytes, the end of which names this state.
fn with_state(archive: &[u8], state: &Digest) -> Vec<u8> {
    let find = |bytes: &[u8], text: &str| bytes.windows(text.len()).rposition(|part| part == text.as_bytes());
    let start = find(archive, "{\"format\":1,\"id\":").unwrap();
    let length = archive[start..].iter().position(|byte| *byte == 0).unwrap();
    let (mut archive, mut text) = (archive.to_vec(), archive[start..start + length].to_vec());
    let place = find(&text, "\"state\":\"").unwrap() + 9;
    let before = DigestKind::Sha256.of(&text).to_string();
    text[place..place + 64].copy_from_slice(state.to_string().as_bytes());
    archive[start..start + length].copy_from_slice(&text);
    let place = find(&archive, &before).unwrap();
    archive[place..place + 64].copy_from_slice(DigestKind::Sha256.of(&text).to_string().as_bytes());
    archive
}

/// Nobody's program makes such, but a cartridge may hold anything.
#[test]
fn archives_that_build_on_each_other_in_a_circle_are_asked_for_no_more() {
    let mut pair = Pair::new();
    let files = pair.increments.files();
    let onto_each_other = with_state(&files[1].concat(), &pair.made[0].state);
    let records = |bytes: &[u8]| bytes.chunks(16 << 10).map(<[u8]>::to_vec).collect::<Vec<_>>();
    pair.increments = Cartridge::with_files(&[files[0].clone(), records(&onto_each_other)]);
    let (archives, asked) = pair.opened("true");
    let archives: Vec<_> = archives.unwrap().into_iter().map(|(_, archive)| archive).collect();
    assert_eq!((archives.len(), asked), (2, 0));
    assert!(matches!(Chain::of(archives, Base::Full, None), Err(Error::WrongChain(_))));
}

#[test]
fn an_archive_without_its_end_is_called_incomplete() {
    let pair = Pair::new();
    let recorded = pair.increments.recorded().len();
    pair.increments.cut(recorded - 3);
    let error = pair.opened("true").0.err().unwrap();
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
}

/// Of two copies of the full the one that lies in parts is there only in part.
#[test]
fn a_whole_copy_is_taken_rather_than_a_part_of_another() {
    let image = vec![7; SIZE];
    for whole_first in [false, true] {
        let (first, second, whole) = (Cartridge::new(300_000, 100_000), Cartridge::large(), Cartridge::large());
        let full = written(
            &[&first, &second],
            &(0..SIZE as u32).map(|at| ((at * 7) >> 3) as u8).collect::<Vec<_>>(),
            0..SIZE,
            None,
        );
        let parts = [&first, &second].map(|cartridge| cartridge.files()[0].concat());
        let folder = tempfile::tempdir().unwrap();
        let inputs = parts.iter().enumerate().map(|(number, part)| {
            let path = folder.path().join(number.to_string());
            fs::write(&path, part).unwrap();
            blocktar::media::open_input(Some(&path)).unwrap()
        });
        let mechanism = Mechanism::holding(&whole);
        let options = TapeOutputOptions {
            record_bytes: Some(16 << 10),
            place: Box::new(Appending::new(false)),
            next_medium: NextMedium::answered(|_| Answer::NoOther),
            open: Box::new(|_| panic!("nobody named another drive")),
        };
        let mut output = TapeOutput::begin(Box::new(mechanism.open(Access::Both).unwrap()), options).unwrap();
        let inputs = Inputs::all(inputs.collect()).unwrap();
        reblock(inputs, &mut output, &ReblockRequest { threads: 1, buffer_bytes: None }, &Progress::default()).unwrap();
        drop(output);
        let mut files = [second.files()[0].clone(), whole.files()[0].clone()];
        if whole_first {
            files.reverse();
        }
        let cartridge = Cartridge::with_files(&files);
        let increment = written(&[&cartridge], &image, 0..4096, Some(&full));
        let drive = LentDrive::new(Box::new(Mechanism::holding(&cartridge).open(Access::Read).unwrap()));
        let next_medium = NextMedium::new(Some("exit 9".to_owned()), &Arc::default());
        let archives = open(drive, &increment.id, &next_medium).unwrap();
        assert_eq!(archives.len(), 2, "{whole_first}");
        assert!(archives[0].1.end().is_some() && archives[0].1.info().part.is_none(), "{whole_first}");
    }
}
