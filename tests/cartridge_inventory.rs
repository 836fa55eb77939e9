//! What lies on a cartridge is told by the ends of its tape files, whatever the drive can do, and the tape goes back to where it stood.

mod archives;
mod cartridges;

use std::io::Read as _;

use blocktar::archive::Label;
use blocktar::cartridge::{Content, Inventory, TapeFile, inventory};
use blocktar::catalog::State;
use blocktar::drive::Drive;
use blocktar::media::tape::simulated::{Cartridge, Mechanism, Unreadable};
use cartridges::{RECORD, open, records_of};

/// An archive's records are many more than its ends.
const DATA: usize = 4 << 20;

/// A drive with addresses, one without, and an emulation that passes over filemarks and goes back a record too far.
fn drives() -> [(bool, bool); 3] {
    [(true, true), (false, true), (false, false)]
}

fn mechanism(cartridge: &Cartridge, (addresses, stops): (bool, bool)) -> Mechanism {
    let mechanism = Mechanism::holding(cartridge);
    mechanism.change(|behaviour| {
        (behaviour.addresses, behaviour.stops_at_filemarks, behaviour.overshoots_filemarks) =
            (addresses, stops, !stops);
        behaviour.largest_record_bytes = 1 << 20;
    });
    mechanism
}

fn listed(mechanism: &Mechanism) -> (Vec<TapeFile>, Inventory) {
    let mut files = Vec::new();
    let told = inventory(&mut open(mechanism), |file| files.push(file)).unwrap();
    (files, told)
}

fn words(files: &[TapeFile]) -> Vec<String> {
    files
        .iter()
        .map(|file| match &file.content {
            Content::Archive(entry) => {
                let name = entry.info.as_ref().and_then(|info| info.name.clone()).unwrap_or_default();
                let state = match &entry.state {
                    State::Damaged(_) => "damaged".to_owned(),
                    state => format!("{state:?}"),
                };
                format!("{name} {state}{}", if file.closed { "" } else { " open" })
            }
            Content::Label(label) => format!("label {}", label.name),
            Content::BrokenLabel(_) => "broken label".to_owned(),
            Content::OtherTar(first) => format!("tar {first}"),
            Content::Nothing => "nothing".to_owned(),
            Content::Unknown => "unknown".to_owned(),
        })
        .collect()
}

fn foreign_tar() -> Vec<Vec<u8>> {
    let mut tar = Vec::new();
    let mut builder = tar::Builder::new(&mut tar);
    let mut header = tar::Header::new_gnu();
    header.set_size(3 << 20);
    builder.append_data(&mut header, "etc/a rather long name", std::io::repeat(7).take(3 << 20)).unwrap();
    drop(builder);
    tar.resize(tar.len().next_multiple_of(10_240), 0);
    tar.chunks(10_240).map(<[u8]>::to_vec).collect()
}

#[test]
fn everything_that_may_lie_on_a_cartridge_is_told() {
    let label = vec![Label::new("WEEK-07", 512 << 10).unwrap().archive()];
    let (whole, short) = (records_of("web1", DATA, None), records_of("small", 100, None));
    let mut cut = records_of("cut", DATA, None);
    cut.truncate(40);
    let mut beheaded = records_of("beheaded", DATA, None);
    beheaded[0].fill(7);
    let mut endless = records_of("endless", DATA, None);
    let last = endless.len() - 1;
    endless[last].fill(7);
    let unknown = vec![vec![1; 1000]; 300];
    let files = [label, whole.clone(), short, cut, foreign_tar(), beheaded, endless, vec![], unknown, whole.clone()];
    let cartridge = Cartridge::with_files(&files);
    for kind in drives() {
        let (files, told) = listed(&mechanism(&cartridge, kind));
        let expected = [
            "label WEEK-07",
            "web1 Complete",
            "small Complete",
            "cut Incomplete",
            "tar etc/a rather long name",
            "beheaded damaged",
            "endless Incomplete",
            "nothing",
            "unknown",
            "web1 Complete",
        ];
        assert_eq!(words(&files), expected, "{kind:?}");
        assert_eq!(files.iter().map(|file| file.number).collect::<Vec<_>>(), (0..10).map(Some).collect::<Vec<_>>());
        assert!(told.returned);
        if kind.0 {
            assert_eq!(files[1].archive().unwrap().archive_bytes, Some((whole.len() * RECORD) as u64));
        }
    }
}

/// A tape file whose ends are all of it, or nearly: going back from its end must not lead into the one before.
#[test]
fn backups_of_few_records_are_told_as_long_ones_are() {
    for data in (0..24).map(|records| records * RECORD + 100) {
        let files: Vec<_> = (0..3).map(|number| records_of(&format!("web{number}"), data, None)).collect();
        let records = files[0].len();
        let cartridge = Cartridge::with_files(&files);
        for (kind, most) in drives().into_iter().zip([2, 3, 3]) {
            let (files, told) = listed(&mechanism(&cartridge, kind));
            let expected = ["web0 Complete", "web1 Complete", "web2 Complete"];
            assert_eq!(words(&files), expected, "{records} records, {kind:?}");
            assert!(told.positionings <= 3 * most + 2, "{records} records, {kind:?}: {}", told.positionings);
        }
    }
}

#[test]
fn twenty_backups_take_a_handful_of_positionings_each() {
    let files: Vec<_> = (0..20).map(|number| records_of(&format!("web{number}"), DATA, None)).collect();
    let cartridge = Cartridge::with_files(&files);
    for (kind, each) in drives().into_iter().zip([2, 3, 3]) {
        let mechanism = mechanism(&cartridge, kind);
        let (files, told) = listed(&mechanism);
        assert_eq!(files.len(), 20);
        assert!(files.iter().all(|file| file.archive().unwrap().state == State::Complete));
        let back = u64::from(kind.0);
        assert_eq!(told.positionings, 20 * each + back + u64::from(!kind.0), "{kind:?}");
        // The first rewind does not move a tape that is at its beginning.
        assert!(told.positionings + 1 >= mechanism.positionings(), "none goes uncounted");
    }
}

#[test]
fn the_tape_goes_back_to_where_it_stood() {
    let cartridge = Cartridge::with_files(&[records_of("a", DATA, None), records_of("b", DATA, None)]);
    for kind in drives() {
        for (file, record) in [(0, 0), (0, 7), (1, 0), (1, 12)] {
            let mechanism = mechanism(&cartridge, kind);
            let mut drive = open(&mechanism);
            drive.rewind().unwrap();
            if file > 0 {
                drive.space_files(file).unwrap();
            }
            drive.space_records(record).unwrap();
            assert!(inventory(&mut drive, |_| ()).unwrap().returned);
            let mut found = vec![0; RECORD];
            drive.read_record(&mut found).unwrap();
            let expected = &cartridge.files()[file as usize][record as usize];
            assert!(found == *expected, "{kind:?} {file} {record}");
        }
        let mechanism = mechanism(&cartridge, kind);
        let mut drive = open(&mechanism);
        drive.to_end_of_data().unwrap();
        assert!(inventory(&mut drive, |_| ()).unwrap().returned);
        assert!(drive.read_record(&mut vec![0; RECORD]).is_err(), "at the end of data");
    }
}

#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let files = [records_of("a", DATA, None), records_of("b", DATA, None), records_of("c", 100, None)];
    let (of_a, of_b) = (files[0].len(), files[1].len());
    for kind in drives() {
        for (spoilt, expected) in [
            (0, ["a damaged", "b Complete", "c Complete"]),
            (of_a + 1, ["a Complete", "b damaged", "c Complete"]),
            (of_a + of_b, ["a Complete", "b Incomplete", "c Complete"]),
            (of_a + 1 + of_b / 2, ["a Complete", "b Complete", "c Complete"]),
        ] {
            for passes in [true, false] {
                let cartridge = Cartridge::with_files(&files);
                cartridge.make_unreadable(spoilt, Unreadable { failures: u32::MAX, passes });
                let (found, _) = listed(&mechanism(&cartridge, kind));
                assert_eq!(words(&found), expected, "{kind:?} {spoilt} {passes}");
            }
        }
    }
}

#[test]
fn a_backup_that_was_cut_off_with_its_filemark_is_told_as_the_last() {
    let files = [records_of("a", DATA, None), records_of("b", DATA, None)];
    let end = files[0].len() + files[1].len();
    for kind in drives() {
        for (cut, expected) in
            [(end - 20, "b Incomplete open"), (end + 1, "b Complete open"), (files[0].len() + 2, "b Incomplete open")]
        {
            let cartridge = Cartridge::with_files(&files);
            cartridge.cut(cut);
            for tells_the_end in [true, false] {
                let mechanism = mechanism(&cartridge, kind);
                mechanism.change(|behaviour| behaviour.tells_end_of_spacing = tells_the_end);
                assert_eq!(words(&listed(&mechanism).0), ["a Complete", expected], "{kind:?} {cut} {tells_the_end}");
            }
        }
    }
}

#[test]
fn a_blank_cartridge_holds_nothing_and_an_empty_drive_is_refused() {
    for kind in drives() {
        let mechanism = mechanism(&Cartridge::large(), kind);
        assert!(listed(&mechanism).0.is_empty());
        mechanism.eject();
        let error = inventory(&mut open(&mechanism), |_| ()).unwrap_err();
        assert!(error.to_string().contains("no cartridge"), "{error}");
    }
}

#[test]
fn a_drive_that_does_not_know_where_it_stands_knows_the_end_of_data() {
    let cartridge = Cartridge::with_files(&[foreign_tar(), foreign_tar()]);
    let behind_all = u32::try_from(cartridge.recorded().len()).unwrap();
    for (address, returned) in [(behind_all, true), (1, false)] {
        let mechanism = mechanism(&cartridge, (true, true));
        let mut drive = open(&mechanism);
        drive.seek(address).unwrap();
        mechanism.change(|behaviour| behaviour.addresses = false);
        assert_eq!(drive.status().unwrap().file, None);
        assert_eq!(inventory(&mut drive, |_| ()).unwrap().returned, returned);
        mechanism.change(|behaviour| behaviour.addresses = true);
        assert_eq!(drive.address().unwrap(), if returned { behind_all } else { 0 });
    }
}

/// A drive that passes over filemarks went back into the tape file before, and its end was read again and again.
#[test]
fn a_short_tape_file_that_cannot_be_read_is_passed_once() {
    let records: Vec<_> = records_of("second", 60_000, None).concat().chunks(512).map(<[u8]>::to_vec).collect();
    let cartridge = Cartridge::with_files(&[vec![vec![7; 4096]; 3], records, vec![vec![8; 4096]]]);
    cartridge.make_unreadable(4 + 12, Unreadable { failures: u32::MAX, passes: false });
    for kind in drives() {
        assert_eq!(listed(&mechanism(&cartridge, kind)).0.len(), 3, "{kind:?}");
    }
}

#[test]
fn a_short_file_without_its_head_is_not_mistaken_for_the_one_before() {
    let files = [records_of("a", DATA, None), records_of("b", 70_000, None), records_of("c", 100, None)];
    assert_eq!(files[1].len(), 2, "fewer than are looked for at a file's end");
    for kind in drives() {
        for passes in [true, false] {
            let cartridge = Cartridge::with_files(&files);
            cartridge.make_unreadable(files[0].len() + 1, Unreadable { failures: u32::MAX, passes });
            let (found, _) = listed(&mechanism(&cartridge, kind));
            // Where the bad record cannot be passed by reading, its end cannot be reached from before it.
            let names: Vec<_> = words(&found).iter().map(|word| word.split(' ').next().unwrap().to_owned()).collect();
            assert_eq!((names.len(), names[0].as_str(), names[2].as_str()), (3, "a", "c"), "{kind:?} {passes}");
            assert!(!passes || names[1] == "b", "{kind:?}: {names:?}");
        }
    }
}

/// Nothing can be told from the filemark that ends an empty tape file, if it cannot be read: a drive that goes back too far by it counts on and stays where it is.
#[test]
fn a_filemark_that_cannot_be_read_is_passed_once() {
    for records in [3, 40] {
        let (first, last) = (records_of("first", records * RECORD - 60_000, None), records_of("last", 100, None));
        for passes in [true, false] {
            for (addresses, stops, overshoots) in
                [(true, true, false), (false, true, false), (false, true, true), (false, false, true)]
            {
                let cartridge = Cartridge::with_files(&[first.clone(), Vec::new(), last.clone()]);
                cartridge.make_unreadable(first.len() + 1, Unreadable { failures: u32::MAX, passes });
                let mechanism = mechanism(&cartridge, (addresses, stops));
                mechanism.change(|behaviour| behaviour.overshoots_filemarks = overshoots);
                let mut files = Vec::new();
                let told = inventory(&mut open(&mechanism), |file| {
                    files.push(file);
                    assert!(files.len() < 10, "the same tape file again and again");
                });
                let words = words(&files);
                let what = format!("{records} {passes} {addresses} {stops} {overshoots}: {words:?}");
                assert!(told.is_ok() && words[0] == "first Complete", "{what}");
                // One that is passed by reading it seems to be a record of the tape file behind it.
                assert_eq!(words.len(), if passes { 2 } else { 3 }, "{what}");
                assert!(passes || words[2] == "last Complete", "{what}");
                // One that passes filemarks without a word cannot know.
                assert!(!stops || !words[1].contains("first"), "{what}");
            }
        }
    }
}
