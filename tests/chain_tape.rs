//! Chains on a cartridge: found by what each archive leaves, applied oldest first, one behind another from one drive.

mod archives;
mod cartridges;

use archives::history::{Link, history};
use archives::{MemoryInput, Way};
use blocktar::archive::{Label, OpenArchive, OpenOptions};
use blocktar::cartridge::{Selector, chain, select};
use blocktar::drive::LentDrive;
use blocktar::error::{Error, Result};
use blocktar::media::further_media::TapeReading;
use blocktar::media::tape::simulated::{Cartridge, Mechanism};
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::{Chain, ChainArchive, Later, RestoreRequest, restore};
use blocktar::target::memory::Memory;
use cartridges::{RECORD, open, records_of};

const SIZE: usize = 400_000;

fn states() -> Vec<Vec<u8>> {
    let full: Vec<u8> = (0..SIZE as u32).map(|at| (at >> 3) as u8 | 1).collect();
    let mut zeroed = full.clone();
    zeroed[100_000..200_000].fill(0);
    let mut grown = zeroed.clone();
    grown.resize(SIZE + 50_000, 0x51);
    vec![full, zeroed, grown]
}

/// The archive in records, of which the last is filled up with zeros.
fn records(link: &Link) -> Vec<Vec<u8>> {
    let mut bytes = link.bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(RECORD), 0);
    bytes.chunks(RECORD).map(<[u8]>::to_vec).collect()
}

/// A label, the newest first, what is none of theirs, and the full last.
fn cartridge(links: &[Link]) -> Cartridge {
    let label = vec![Label::new("WEEK-07", 512 << 10).unwrap().archive()];
    let stranger = records_of("web1", SIZE, None);
    Cartridge::with_files(&[label, records(&links[2]), records(&links[1]), stranger, records(&links[0])])
}

/// The chain of the archive of this id, opened file by file from one drive.
fn chain_of(drive: &LentDrive, id: &str) -> Result<Chain> {
    let found = chain(&mut drive.clone(), id)?;
    let later = found.into_iter().map(|found| {
        let (mut lent, file) = (drive.clone(), found.file);
        let open = move || {
            select(&mut lent, &Selector::File(file))?;
            OpenArchive::open(TapeReading::Forward.input(lent)?, &OpenOptions::default())
        };
        let (info, end) = (found.entry.info.unwrap(), found.entry.end);
        let state = end.as_ref().unwrap().state;
        Later { name: found.entry.location, info, state, end, open: Box::new(open) }
    });
    let archives: Vec<_> = later.map(|later| ChainArchive::Later(Box::new(later))).collect();
    Chain::of(archives, Base::Full, None)
}

#[test]
fn a_cartridge_gives_every_state_of_the_chain_on_it() {
    let (states, links) = (states(), history(&states()));
    for (addresses, stops) in [(true, true), (false, false)] {
        let mechanism = Mechanism::holding(&cartridge(&links));
        mechanism.change(|behaviour| (behaviour.addresses, behaviour.stops_at_filemarks) = (addresses, stops));
        for (link, state) in links.iter().zip(&states) {
            let drive = LentDrive::new(Box::new(open(&mechanism)));
            let chain = chain_of(&drive, &link.id).unwrap();
            assert_eq!(chain.names().len() as u64, link.number);
            let mut target = Memory::new(vec![0xff; state.len()]);
            let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
            let restored = restore(chain, &mut target, &request, &Progress::default()).unwrap();
            assert!(target.bytes() == state, "state {}", link.number);
            assert_eq!(restored.end.backup_info.id, link.id);
        }
    }
}

#[test]
fn what_is_not_on_the_cartridge_is_missed_before_the_first_write() {
    let links = history(&states());
    let mechanism = Mechanism::holding(&Cartridge::with_files(&[records(&links[2]), records(&links[0])]));
    let drive = LentDrive::new(Box::new(open(&mechanism)));
    let Err(error) = chain_of(&drive, &links[2].id) else { panic!("it is no chain") };
    assert!(matches!(error, Error::WrongChain(_)) && error.to_string().contains(&links[1].id), "{error}");
}

#[test]
fn an_archive_that_is_another_by_then_is_not_applied() {
    let (states, links) = (states(), history(&states()));
    let opened =
        |place: usize| OpenArchive::open(MemoryInput::boxed(&links[place].bytes, Way::File), &OpenOptions::default());
    let (promised, other) = (opened(1).unwrap(), links[2].clone());
    let (info, end) = (promised.info().clone(), promised.end().cloned());
    let state = end.as_ref().unwrap().state;
    let open = move || OpenArchive::open(MemoryInput::boxed(&other.bytes, Way::File), &OpenOptions::default());
    let later = Later { name: "tape, file 2".to_owned(), info, state, end, open: Box::new(open) };
    let archives = vec![opened(0).unwrap().into(), ChainArchive::Later(Box::new(later))];
    let chain = Chain::of(archives, Base::Full, None).unwrap();
    let mut target = Memory::new(vec![0xff; SIZE]);
    let failure = restore(chain, &mut target, &RestoreRequest::default(), &Progress::default()).unwrap_err();
    assert!(matches!(failure.error, Error::Damaged { .. }), "{}", failure.error);
    assert!(target.bytes() == states[0], "only the full was applied");
}
