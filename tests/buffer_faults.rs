//! Buffers that were mixed up between hashing and writing: every reader notices.

mod archives;
mod support;

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};

use archives::{MemoryInput, Way, class, restore_bytes, scan, small, verified};
use blocktar::archive::Compression;
use blocktar::backup::{BackupRequest, backup};
use blocktar::error::Result;
use blocktar::progress::Progress;
use blocktar::stream::Output;
use blocktar::verify::verify;
use support::Chance;

/// What a wrong buffer does to the stored bytes of a data member.
#[derive(Clone, Copy, Debug)]
enum Mistake {
    /// The buffer of the member before is written again.
    Previous,
    /// The buffer of the very first data member is written again.
    First,
    /// Half of the buffer is still that of the member before.
    HalfPrevious,
    /// The buffer was given back too early and is zero.
    Zeros,
    /// One byte of it was overwritten.
    OneByte,
    /// The bytes of this member and the next change places.
    SwappedBytes,
    /// This member and the next, with their headers, change places.
    SwappedMembers,
    /// The member is written twice instead of the next one.
    Doubled,
    /// The member is not written.
    Lost,
}

const MISTAKES: [Mistake; 9] = [
    Mistake::Previous,
    Mistake::First,
    Mistake::HalfPrevious,
    Mistake::Zeros,
    Mistake::OneByte,
    Mistake::SwappedBytes,
    Mistake::SwappedMembers,
    Mistake::Doubled,
    Mistake::Lost,
];

/// Keeps members as they are handed over, so that mistakes can be made in each.
#[derive(Clone, Default)]
struct Members(Arc<Mutex<Vec<[Vec<u8>; 3]>>>);

impl Output for Members {
    fn name(&self) -> &str {
        "members"
    }

    fn write_member(&mut self, pieces: &[IoSlice<'_>]) -> Result<()> {
        let rest: Vec<u8> = pieces[2..].iter().flat_map(|piece| piece.iter().copied()).collect();
        self.0.lock().unwrap().push([pieces[0].to_vec(), pieces[1].to_vec(), rest]);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The bytes of `from` in a buffer as long as `like`.
fn fitted(from: &[u8], like: &[u8]) -> Vec<u8> {
    from.iter().copied().cycle().take(like.len()).collect()
}

/// The archive with a mistake made in the data member `place`, or nothing where the mistake changes nothing.
fn mistaken(sound: &[[Vec<u8>; 3]], data: &[usize], place: usize, mistake: Mistake) -> Option<Vec<u8>> {
    let mut members = sound.to_vec();
    let (this, next) = (data[place], data.get(place + 1).copied());
    let previous = place.checked_sub(1).map(|before| &sound[data[before]][1]);
    match mistake {
        Mistake::Previous => members[this][1] = fitted(previous?, &sound[this][1]),
        Mistake::First => members[this][1] = fitted(&sound[data[0]][1], &sound[this][1]),
        Mistake::HalfPrevious => {
            let half = sound[this][1].len() / 2;
            let stale = fitted(previous?, &sound[this][1]);
            members[this][1][half..].copy_from_slice(&stale[half..]);
        }
        Mistake::Zeros => members[this][1].fill(0),
        Mistake::OneByte => *members[this][1].last_mut()? ^= 0x10,
        Mistake::SwappedBytes => {
            members[this][1] = fitted(&sound[next?][1], &sound[this][1]);
            members[next?][1] = fitted(&sound[this][1], &sound[next?][1]);
        }
        Mistake::SwappedMembers => members.swap(this, next?),
        Mistake::Doubled => members[next?] = sound[this].clone(),
        Mistake::Lost => drop(members.remove(this)),
    }
    (members != sound).then(|| members.concat().concat())
}

#[test]
fn a_wrong_reused_or_reordered_buffer_is_noticed() {
    let mut cases = BTreeMap::new();
    for compression in [Compression::None, Compression::Zstd(1)] {
        for threads in [1, 16] {
            // Digits compress, but not away; all members but the last store about as much.
            let mut chance = Chance::from_seed(threads as u64);
            let image: Vec<u8> = (0..12 * 65_536 + 999).map(|_| b'0' + chance.below(10) as u8).collect();
            let members = Members::default();
            let request = BackupRequest { compression, threads, ..small() };
            backup(&mut scan(&image), &mut members.clone(), &request, &Progress::default()).unwrap();
            let sound = members.0.lock().unwrap().clone();
            let is_data = |member: &[Vec<u8>; 3]| member[0].windows(8).any(|window| window == b"\"offset\"");
            let data: Vec<_> = (0..sound.len()).filter(|place| is_data(&sound[*place])).collect();
            assert_eq!(data.len(), 13);
            assert!(verified(&sound.concat().concat()).is_sound());
            for mistake in MISTAKES {
                for place in 0..data.len() {
                    let Some(archive) = mistaken(&sound, &data, place, mistake) else { continue };
                    let archive = Arc::new(archive);
                    let case = format!("{compression}, {threads} workers, {mistake:?} in member {place}");
                    for (way, reading) in [(Way::Pipe, 1), (Way::Pipe, 16), (Way::File, 1), (Way::File, 16)] {
                        let (_, outcome) = restore_bytes(&archive, way, reading, image.len());
                        let error = outcome.expect_err(&case);
                        assert_eq!(class(&error), "damaged", "{case}, {way:?}: {error}");
                        let report = verify(MemoryInput::boxed(&archive, way), reading, &Progress::default()).unwrap();
                        assert!(!report.is_sound(), "{case}: verify did not notice");
                        assert!(report.faults.iter().any(|fault| !fault.affected().is_empty()), "{case}");
                    }
                    *cases.entry(format!("{mistake:?}")).or_insert(0) += 1;
                }
            }
        }
    }
    assert_eq!(cases.len(), MISTAKES.len());
    println!("mistakes noticed, each in four ways of reading: {cases:?}");
}
