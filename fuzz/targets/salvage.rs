//! The salvager: whatever comes, the same from a pipe and from a file; of an archive that can be read, all that it holds and nothing else; and of the same archive
//! broken in two places, nothing that it does not hold.
#![no_main]

use std::sync::Arc;

use blocktar::archive::{Proven, Reading, SalvageOptions, Salvager};
use blocktar::progress::Progress;
use blocktar_fuzz::archives::{MemoryInput, Way};
use blocktar_fuzz::broken::{Fault, Truth, salvaged, salvaged_with};
use blocktar_fuzz::chance::Chance;
use blocktar_fuzz::mutate;
use blocktar_fuzz::outcome::{How, read};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    let archive = Arc::new(bytes.to_vec());
    let [pipe, file] = [Way::Pipe, Way::File].map(|way| outcome(&archive, way));
    assert!(pipe == file, "from a pipe {pipe:?}, from a file {file:?}");
    if read(&archive, How { way: Way::File, most: usize::MAX, reading: Reading::Best }).is_err() {
        return;
    }
    let truth = Truth::of(&archive);
    let found = salvaged(&archive, Way::Pipe, &truth, "whole").expect("it can be read, and not be salvaged");
    assert!(found.lost == truth.bad, "of a whole archive {:?} is lost: {:?}", found.lost, found.faults);
    let mut chance = Chance::from_seed(bytes.iter().fold(0, |sum, byte| sum * 31 % 0xffff_fffb + u64::from(*byte)));
    let mut spoiled = bytes.to_vec();
    for _ in 0..2 {
        let blocks = (spoiled.len() / 512).max(1) as u64;
        let block = chance.below(blocks) as usize;
        if spoiled.len() > block * 512 {
            Fault::of_block(block)[chance.below(5) as usize].apply(&mut spoiled);
        }
    }
    // By its id: where the head is gone, an archive that lies inside could be taken for this one.
    let options = SalvageOptions { id: Some(found.id), wanted: None };
    let _ = salvaged_with(&Arc::new(spoiled), Way::Pipe, &truth, &options, "broken");
});

/// All that is said of an archive, or the error.
fn outcome(archive: &Arc<Vec<u8>>, way: Way) -> Result<String, String> {
    let input = MemoryInput::boxed(archive, way);
    let salvager = Salvager::open(input, &SalvageOptions::default(), &Progress::default());
    let mut told = Vec::new();
    let run = |salvager: Salvager| {
        salvager.run(&Progress::default(), |proven| {
            told.push(match proven {
                Proven::Data { offset, bytes } => (offset, bytes.len() as u64, bytes.first().copied()),
                Proven::Zeros(range) => (range.start, range.length, None),
            });
            Ok(())
        })
    };
    let salvaged = salvager.and_then(run).map_err(|error| error.to_string())?;
    Ok(format!("{salvaged:?} {told:?}"))
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
