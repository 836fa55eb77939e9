//! Where the next backup goes on a cartridge, and what is never overwritten unless that was said.

mod archives;
mod cartridges;

use blocktar::archive::Label;
use blocktar::cartridge::{Appending, Placement, inventory, label, place};
use blocktar::drive::{Drive, DriveTransforms, Place, Placed};
use blocktar::error::Result;
use blocktar::media::tape::AsItStands;
use blocktar::media::tape::simulated::{Access, Cartridge, Mechanism};
use blocktar::stream::Medium;
use cartridges::{open, reblocked, records_of, write_file};

const DATA: usize = 4 << 20;

/// A drive with addresses, one without, and an emulation that passes over filemarks.
const DRIVES: [(bool, bool); 3] = [(true, true), (false, true), (false, false)];

fn mechanism(cartridge: &Cartridge, (addresses, stops): (bool, bool)) -> Mechanism {
    let mechanism = Mechanism::holding(cartridge);
    mechanism.change(|behaviour| (behaviour.addresses, behaviour.stops_at_filemarks) = (addresses, stops));
    mechanism
}

fn placed(mechanism: &Mechanism, overwrite: bool) -> Result<Placement> {
    place(&mut open(mechanism), overwrite)
}

fn on(file: u64) -> Medium {
    Medium { file: Some(file), ..Medium::default() }
}

/// Places a file and writes it; everything that was there before must be there still.
fn append(drive: &mut dyn Drive, cartridge: &Cartridge, name: &str) -> Placement {
    let before = cartridge.files();
    let placement = place(drive, false).unwrap();
    let records = records_of(name, DATA, Some(placement.medium.clone()));
    write_file(drive, &records);
    let after = cartridge.files();
    assert!(after[..before.len()] == before && after[before.len()] == records && after.len() == before.len() + 1);
    placement
}

#[test]
fn twenty_nights_cost_no_rewind() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        let mechanism = mechanism(&cartridge, kind);
        let labelled = label(&mut open(&mechanism), "WEEK-07", false, |_| ()).unwrap();
        for night in 1..=20 {
            // Each night the device is opened anew, and stands where it was left.
            let mut drive = open(&mechanism);
            let placement = append(&mut drive, &cartridge, &format!("night{night}"));
            let expected = Medium {
                id: Some(labelled.id.clone()),
                name: Some("WEEK-07".to_owned()),
                file: Some(night),
                ..Medium::default()
            };
            assert_eq!((placement.medium, placement.notes), (expected, vec![]), "{kind:?} night {night}");
            // The label lies so near to the beginning that going back before it is going there.
            assert!(drive.rewinds == 0 || night == 1, "{kind:?} night {night}");
            let most = if kind.0 { 2 } else { 4 };
            assert!(placement.positionings <= most + u64::from(night == 1), "{kind:?}: {}", placement.positionings);
        }
    }
}

/// A tape that another program ended with two filemarks was taken for blank, and then for none at all.
#[test]
fn an_empty_tape_file_at_the_end_is_nothing_and_counts() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        append(&mut open(&mechanism(&cartridge, kind)), &cartridge, "first");
        let mut drive = open(&mechanism(&cartridge, kind));
        drive.to_end_of_data().unwrap();
        drive.write_filemarks(1).unwrap();
        let placement = place(&mut drive, false).unwrap();
        assert_eq!(placement.medium, on(2), "{kind:?}");
        write_file(&mut drive, &records_of("second", DATA, None));
        assert_eq!(cartridge.files().iter().map(Vec::is_empty).collect::<Vec<_>>(), [false, true, false]);
    }
}

#[test]
fn a_blank_cartridge_is_written_from_its_beginning() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        assert_eq!(placed(&mechanism(&cartridge, kind), false).unwrap().medium, on(0));
        append(&mut open(&mechanism(&cartridge, kind)), &cartridge, "first");
        // A lone filemark hides nothing.
        let marked = Cartridge::with_files(&[vec![]]);
        let mechanism = mechanism(&marked, kind);
        let mut drive = open(&mechanism);
        assert_eq!(place(&mut drive, false).unwrap().medium, on(0));
        write_file(&mut drive, &[vec![1; 4096]]);
        assert_eq!(marked.files(), [[vec![1; 4096]]]);
    }
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    builder.append_data(&mut header, "etc/passwd", &b"root"[..]).unwrap();
    let mut tar = builder.into_inner().unwrap();
    tar.resize(10_240, 0);
    let ours = records_of("web1", DATA, None);
    for kind in DRIVES {
        for (first, what) in
            [(vec![tar.clone()], "etc/passwd"), (vec![vec![7; 512]; 200], "neither"), (vec![vec![0; 64]], "neither")]
        {
            let cartridge = Cartridge::with_files(&[first, ours.clone(), vec![vec![9; 9]]]);
            let before = cartridge.recorded();
            let error = placed(&mechanism(&cartridge, kind), false).unwrap_err();
            assert_eq!(archives::class(&error), "refused");
            assert!(error.to_string().contains(what) && error.remedy().unwrap().contains("--overwrite"), "{error}");
            assert!(cartridge.recorded() == before);
            let mechanism = mechanism(&cartridge, kind);
            let mut drive = open(&mechanism);
            assert_eq!(place(&mut drive, true).unwrap().medium, on(0));
            write_file(&mut drive, &[vec![1; 4096]]);
            assert_eq!(cartridge.files(), [[vec![1; 4096]]]);
        }
    }
}

#[test]
fn overwriting_keeps_the_label() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        let mechanism = mechanism(&cartridge, kind);
        let labelled = label(&mut open(&mechanism), "WEEK-07", false, |_| ()).unwrap();
        append(&mut open(&mechanism), &cartridge, "old");
        append(&mut open(&mechanism), &cartridge, "older");
        let mut drive = open(&mechanism);
        let placement = place(&mut drive, true).unwrap();
        assert_eq!((placement.medium.id, placement.medium.file), (Some(labelled.id.clone()), Some(1)));
        let [lost] = &placement.notes[..] else { panic!("{:?}", placement.notes) };
        for words in ["is cut off: 2 tape files: a backup old (", ", a backup older (", "id 0"] {
            assert!(lost.contains(words), "{words}: {lost}");
        }
        write_file(&mut drive, &[vec![1; 4096]]);
        assert_eq!(cartridge.files(), [[labelled.archive()], [vec![1; 4096]]]);
    }
}

#[test]
fn behind_an_incomplete_or_foreign_last_file_one_goes_on_and_says_so() {
    let sealed = vec![Label::new("WEEK-07", 512 << 10).unwrap().archive()];
    let cut: Vec<_> = records_of("cut", DATA, None)[..40].to_vec();
    for kind in DRIVES {
        for (last, closed, said) in [
            (cut.clone(), true, vec!["the last backup on the cartridge cut ("]),
            (cut.clone(), false, vec!["no filemark behind it", "the last backup on the cartridge cut ("]),
            (cut[..2].to_vec(), false, vec!["no filemark behind it", "the last backup on the cartridge cut ("]),
            (records_of("whole", DATA, None), false, vec!["no filemark behind it"]),
            (records_of("whole", DATA, None), true, vec![]),
            (vec![vec![7; 512]; 300], true, vec!["nothing that blocktar wrote"]),
        ] {
            for first in [sealed.clone(), records_of("first", DATA, None)] {
                let cartridge = Cartridge::with_files(&[first.clone(), last.clone()]);
                if !closed {
                    cartridge.cut(cartridge.recorded().len() - 1);
                }
                let mechanism = mechanism(&cartridge, kind);
                let placement = append(&mut open(&mechanism), &cartridge, "next");
                assert_eq!(placement.notes.len(), said.len(), "{kind:?} {:?}", placement.notes);
                placement.notes.iter().zip(&said).for_each(|(note, said)| assert!(note.contains(said), "{note}"));
                assert_eq!(placement.medium.file, Some(2), "{kind:?} {said:?}");
                assert_eq!(placement.medium.name.as_deref(), (first == sealed).then_some("WEEK-07"));
            }
        }
    }
}

#[test]
fn a_copy_or_a_drive_that_lost_count_does_not_spoil_the_number() {
    for kind in DRIVES {
        let named = |file| Some(Medium { id: None, name: Some("A".to_owned()), file, ..Medium::default() });
        // One whose writer did not know its number.
        let cartridge = Cartridge::with_files(&[records_of("a", DATA, None), records_of("b", DATA, named(None))]);
        assert_eq!(placed(&mechanism(&cartridge, kind), false).unwrap().medium.file, Some(2));
        // A copy keeps what its original said: without an id, and with that of the medium on which the original lies.
        let copied = Medium { id: Some("0193f000-0000-7000-8000-000000000000".to_owned()), ..named(Some(41)).unwrap() };
        for medium in [named(Some(41)), Some(copied)] {
            let cartridge = Cartridge::with_files(&[records_of("a", DATA, medium)]);
            assert_eq!(placed(&mechanism(&cartridge, kind), false).unwrap().medium, on(1));
        }
        // A backup by redirection does not know the label of the cartridge.
        let cartridge = Cartridge::large();
        let mechanism = mechanism(&cartridge, kind);
        let labelled = label(&mut open(&mechanism), "WEEK-07", false, |_| ()).unwrap();
        write_file(&mut open(&mechanism), &records_of("a", DATA, Some(on(1))));
        let medium = placed(&mechanism, false).unwrap().medium;
        assert_eq!((medium.id, medium.file), (Some(labelled.id), Some(2)));
    }
}

/// Its head keeps the medium of its original, as the digest is over that; even a drive that does not count tape files is not led astray.
#[test]
fn a_reblocked_archive_says_in_its_end_member_where_it_lies() {
    let medium = |id: &str, file| Medium { id: Some(id.to_owned()), file: Some(file), ..Medium::default() };
    let (there, here) =
        (medium("0193f000-0000-7000-8000-000000000000", 41), medium("0193f000-0000-7000-8000-000000000001", 1));
    let original: Vec<u8> = records_of("a", DATA, Some(there.clone())).concat();
    let end = |archive: &[u8]| blocktar::catalog::end_in("it", archive).unwrap();
    assert_eq!((end(&original).medium, end(&original).written_on()), (None, Some(&there)));
    for (put, told) in
        [(Some(here.clone()), Some(here.clone())), (None, Some(Medium::default())), (Some(there.clone()), None)]
    {
        let copy = reblocked(&original, put.clone());
        let found = end(&copy.concat());
        assert_eq!((&found.medium, &found.backup_info.medium), (&told, &Some(there.clone())), "{put:?}");
        assert_eq!((found.digest, &found.id), (end(&original).digest, &end(&original).id));
        let sound = blocktar::verify::verify(
            archives::MemoryInput::boxed(&std::sync::Arc::new(copy.concat()), archives::Way::Pipe),
            1,
            &Default::default(),
        );
        assert!(sound.unwrap().is_sound());
        // A copy of the copy does not carry it on.
        assert_eq!(end(&reblocked(&copy.concat(), Some(there.clone())).concat()).medium, None);
        for kind in DRIVES {
            let cartridge = Cartridge::with_files(&[records_of("label's place", DATA, None), copy.clone()]);
            let mechanism = mechanism(&cartridge, kind);
            let found = placed(&mechanism, false).unwrap().medium;
            assert_eq!(found.file, Some(2), "{put:?} {kind:?}");
            assert_eq!(
                found.id,
                put.as_ref().filter(|put| **put == here).and_then(|put| put.id.clone()),
                "{put:?} {kind:?}"
            );
        }
    }
}

#[test]
fn what_the_drive_does_with_the_bytes_is_recorded() {
    let mechanism = Mechanism::holding(&Cartridge::large());
    mechanism.change(|behaviour| {
        behaviour.transforms = DriveTransforms { compression: Some(true), encryption: Some("key 7".to_owned()) };
    });
    let medium = placed(&mechanism, false).unwrap().medium;
    assert_eq!((medium.drive_compression, medium.drive_encryption.as_deref()), (Some(true), Some("key 7")));
}

#[test]
fn a_drive_that_cannot_be_written_is_refused() {
    let cartridge = Cartridge::large();
    let mechanism = Mechanism::holding(&cartridge);
    let refused = |drive: &mut dyn Drive, what: &str| {
        for error in [place(drive, true).unwrap_err(), label(drive, "A", true, |_| ()).unwrap_err()] {
            assert_eq!(archives::class(&error), "refused");
            assert!(error.to_string().contains(what) && error.remedy().is_some(), "{error}");
        }
    };
    refused(&mut mechanism.open(Access::Read).unwrap(), "for reading only");
    refused(&mut mechanism.open(Access::Write).unwrap(), "for writing only");
    cartridge.protect(true);
    refused(&mut open(&mechanism), "write-protected");
    mechanism.eject();
    refused(&mut open(&mechanism), "no cartridge");
    assert!(cartridge.recorded().is_empty());
}

#[test]
fn a_label_is_written_once_and_says_what_is_lost() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        let mechanism = mechanism(&cartridge, kind);
        mechanism.set_block_bytes(512);
        let first = label(&mut open(&mechanism), "WEEK-07", false, |_| panic!("nothing is lost")).unwrap();
        assert_eq!(cartridge.files(), [[first.archive()]]);
        assert!(cartridge.is_closed());
        append(&mut open(&mechanism), &cartridge, "web1");
        let before = cartridge.recorded();
        let error = label(&mut open(&mechanism), "WEEK-08", false, |_| panic!("nothing is lost")).unwrap_err();
        assert!(error.to_string().contains("label of medium WEEK-07"), "{error}");
        assert!(cartridge.recorded() == before);
        let mut lost = Vec::new();
        let second = label(&mut open(&mechanism), "WEEK-08", true, |file| lost.push(file.content.describe())).unwrap();
        assert_eq!(lost.len(), 2);
        assert!(lost[0].contains("WEEK-07") && lost[1].contains("a backup web1"), "{lost:?}");
        assert_ne!(first.id, second.id);
        let mut found = Vec::new();
        inventory(&mut open(&mechanism), |file| found.push(file.content.describe())).unwrap();
        assert_eq!(found, ["the label of medium WEEK-08"]);
    }
}

#[test]
fn a_host_that_takes_only_short_records_gets_a_short_label() {
    let cartridge = Cartridge::large();
    let mechanism = Mechanism::holding(&cartridge);
    mechanism.change(|behaviour| behaviour.largest_record_bytes = 128 << 10);
    let written = label(&mut open(&mechanism), "A", false, |_| ()).unwrap();
    assert_eq!((written.record_size, cartridge.files()), (64 << 10, vec![vec![written.archive()]]));
}

#[test]
fn a_filemark_that_fails_is_no_label() {
    let mechanism = Mechanism::holding(&Cartridge::large());
    mechanism.change(|behaviour| behaviour.filemark_error = true);
    let error = label(&mut open(&mechanism), "A", false, |_| ()).unwrap_err();
    assert_eq!(archives::class(&error), "io");
}

/// A cartridge with this label and so many archives behind it.
fn labelled(archives: usize) -> Mechanism {
    let cartridge = Cartridge::large();
    let mechanism = Mechanism::holding(&cartridge);
    label(&mut open(&mechanism), "WEEK-07", false, |_| ()).unwrap();
    for _ in 0..archives {
        append(&mut open(&mechanism), &cartridge, "old");
    }
    mechanism
}

#[test]
fn a_further_cartridge_holds_nothing_but_its_label() {
    for (mechanism, overwrite, wrong) in [
        (Mechanism::holding(&Cartridge::large()), false, None),
        (labelled(0), false, None),
        (labelled(1), false, Some("holds backups already")),
        (labelled(1), true, None),
        (Mechanism::holding(&Cartridge::with_files(&[vec![vec![7; 512]]])), false, Some("neither a label nor")),
    ] {
        let placed = Appending::new(overwrite).next(&mut open(&mechanism)).unwrap();
        match (&placed, wrong) {
            (Placed::Wrong(why), Some(wrong)) => assert!(why.contains(wrong), "{why}"),
            (Placed::There { .. }, None) => {}
            _ => panic!("{placed:?}"),
        }
    }
}

#[test]
fn the_cartridge_that_was_just_filled_is_never_overwritten() {
    let mechanism = labelled(0);
    let mut appending = Appending::new(true);
    assert!(matches!(appending.first(&mut open(&mechanism)).unwrap(), Placed::There { .. }));
    // Its end came without a warning: what was written says nothing yet of going on elsewhere.
    write_file(&mut open(&mechanism), &records_of("cut", DATA, None)[..20]);
    let placed = appending.next(&mut open(&mechanism)).unwrap();
    assert!(matches!(&placed, Placed::Wrong(why) if why.contains("just filled")), "{placed:?}");
    assert!(matches!(appending.next(&mut open(&labelled(0))).unwrap(), Placed::There { .. }));
}

#[test]
fn a_cartridge_whose_last_archive_goes_on_elsewhere_is_full() {
    let part = include_bytes!("../format-spec/vectors/part_1_of_2.tar");
    let cartridge = Cartridge::with_files(&[part.chunks(1024).map(<[u8]>::to_vec).collect()]);
    let before = cartridge.recorded();
    for kind in DRIVES {
        let error = placed(&mechanism(&cartridge, kind), false).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
    assert!(cartridge.recorded() == before);
}

/// Behind a reset the driver counts from 0, and says that the tape is at its beginning.
#[test]
fn a_drive_that_was_reset_is_not_taken_to_stand_at_the_beginning() {
    for kind in DRIVES {
        let cartridge = Cartridge::large();
        let mechanism = mechanism(&cartridge, kind);
        append(&mut open(&mechanism), &cartridge, "old");
        let before = cartridge.recorded();
        let reset = || {
            let mut drive = open(&mechanism);
            drive.to_end_of_data().unwrap();
            drive.was_reset = true;
            drive
        };
        assert!(label(&mut reset(), "WEEK-07", false, |_| ()).is_err(), "{kind:?}");
        let mut drive = reset();
        // It stands behind everything, or nobody can tell.
        if (AsItStands { overwrite: false }).first(&mut drive).is_ok() {
            write_file(&mut drive, &[vec![1; 4096]]);
        }
        drop(drive);
        assert!(cartridge.recorded().starts_with(&before), "{kind:?}");
        let mut drive = reset();
        place(&mut drive, true).unwrap();
        write_file(&mut drive, &[vec![2; 4096]]);
        assert_eq!(cartridge.files(), [[vec![2; 4096]]], "{kind:?}");
    }
}
