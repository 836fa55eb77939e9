//! Restores the chain of a history by the program's own way: in any order, from files and pipes, up to any archive, onto any older state.

use std::sync::Arc;

use blocktar::archive::{OpenArchive, OpenOptions};
use blocktar::plan::chain::Base;
use blocktar::progress::Progress;
use blocktar::restore::{Chain, RestoreRequest, RestoreSummary, restore};
use blocktar::target::memory::Memory;

use super::archives::{MemoryInput, Way};
use super::chance::Chance;

/// An archive of the chain, and the image that a restore up to it leaves behind.
pub struct Step<'a> {
    pub archive: &'a Arc<Vec<u8>>,
    pub image: &'a [u8],
}

/// Restores one state of the chain onto nothing, and the last one onto an older one.
pub fn check(steps: &[Step<'_>], chance: &mut Chance) {
    let last = chance.below(steps.len() as u64) as usize;
    let wanted = steps[last].image;
    let (_, image) = applied(&steps[..=last], Base::Full, vec![0; wanted.len()], chance);
    assert!(image == wanted, "state {last}: other bytes come back as a chain");
    let onto = chance.below(steps.len() as u64) as usize;
    if onto >= last {
        return;
    }
    let mut held = steps[onto].image.to_vec();
    held.resize(steps[onto..=last].iter().map(|step| step.image.len()).max().unwrap_or(0), 0);
    let (restored, mut image) = applied(&steps[onto + 1..=last], Base::Target, held, chance);
    // What could not be read is left as it was, also where the device was shorter in between.
    for range in restored.bad.kept() {
        let inside = range.start as usize..range.end() as usize;
        image[inside.clone()].copy_from_slice(&wanted[inside]);
    }
    assert!(image[..wanted.len()] == *wanted, "state {last}: other bytes come back onto state {onto}");
}

/// What these archives leave of a target, in an order and in ways that chance gives.
fn applied(steps: &[Step<'_>], base: Base, target: Vec<u8>, chance: &mut Chance) -> (RestoreSummary, Vec<u8>) {
    let pipes = chance.below(2) == 0;
    let open = |step: &Step<'_>, pipe: bool| {
        let way = if pipe && pipes { Way::Pipe } else { Way::File };
        OpenArchive::open(MemoryInput::boxed(step.archive, way), &OpenOptions::default()).unwrap()
    };
    let mut archives: Vec<_> = steps.iter().map(|step| open(step, chance.below(2) == 0)).collect();
    let turned = chance.below(archives.len() as u64) as usize;
    archives.rotate_left(turned);
    let chain = Chain::of(archives, base, None).unwrap();
    let mut target = Memory::new(target);
    let request = RestoreRequest { threads: 1, read_back: true, truncate: false };
    let restored = restore(chain, &mut target, &request, &Progress::default()).unwrap();
    (restored, target.bytes().to_vec())
}
