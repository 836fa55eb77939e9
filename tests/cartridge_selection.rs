//! One archive of a cartridge is found by id, name or number, and the drive stands at its head.

mod archives;
mod cartridges;

use blocktar::archive::Label;
use blocktar::cartridge::{Selected, Selector, select};
use blocktar::catalog::State;
use blocktar::drive::Drive;
use blocktar::error::Result;
use blocktar::media::tape::simulated::{Cartridge, Mechanism};
use cartridges::{id_of, open, records_of};

const DATA: usize = 4 << 20;

/// A label, three archives of two names, the last of which was cut, and something else.
fn cartridge() -> Cartridge {
    let label = Label::new("WEEK-07", 512 << 10).unwrap();
    // Ids and times are those of the moment: the order is that of the tape.
    let mut files = vec![vec![label.archive()]];
    for name in ["web1", "web2", "web1"] {
        files.push(records_of(name, DATA, None));
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    files.push(vec![vec![7; 512]; 100]);
    let mut cut = records_of("web2", DATA, None);
    cut.truncate(40);
    files.push(cut);
    Cartridge::with_files(&files)
}

fn id(text: &str) -> Selector {
    Selector::Id(text.to_owned())
}

fn name(text: &str) -> Selector {
    Selector::Name(text.to_owned())
}

/// What was selected, and the first record that is read then.
fn selected(mechanism: &Mechanism, selector: &Selector) -> Result<(Selected, Vec<u8>)> {
    let mut drive = open(mechanism);
    let selected = select(&mut drive, selector)?;
    let mut record = vec![0; 1 << 20];
    let length = drive.read_record(&mut record).unwrap();
    record.truncate(length);
    Ok((selected, record))
}

#[test]
fn the_drive_stands_at_the_head_of_what_was_wanted() {
    let cartridge = cartridge();
    let files = cartridge.files();
    let ids: Vec<_> = files.iter().map(|records| id_of(records)).collect();
    for (addresses, stops) in [(true, true), (false, true), (false, false)] {
        let mechanism = Mechanism::holding(&cartridge);
        mechanism.change(|behaviour| (behaviour.addresses, behaviour.stops_at_filemarks) = (addresses, stops));
        for (selector, file) in [
            (id(&ids[1]), 1),
            (id(&ids[2]), 2),
            (id(&ids[3].to_uppercase()), 3),
            (id(&ids[3][..35]), 3),
            (name("web1"), 3),
            (name("web2"), 5),
            (Selector::File(0), 0),
            (Selector::File(2), 2),
        ] {
            let (selected, record) = selected(&mechanism, &selector).unwrap();
            assert_eq!(selected.file, file, "{selector:?}");
            assert!(record == files[file as usize][0], "{selector:?}");
        }
        let newest = selected(&mechanism, &name("web2")).unwrap().0.entry.unwrap();
        assert_eq!(newest.state, State::Incomplete);
    }
}

#[test]
fn a_whole_id_is_looked_for_only_as_far_as_needed() {
    let cartridge = cartridge();
    let ids: Vec<_> = cartridge.files().iter().map(|records| id_of(records)).collect();
    let positionings =
        |selector: Selector| select(&mut open(&Mechanism::holding(&cartridge)), &selector).unwrap().positionings;
    assert!(positionings(id(&ids[1])) + 4 <= positionings(id(&ids[1][..35])));
    assert!(positionings(Selector::File(4)) <= 2);
}

#[test]
fn what_is_not_there_or_not_unambiguous_is_refused() {
    let mechanism = Mechanism::holding(&cartridge());
    for (selector, said) in [
        (id("ffff"), "the cartridge holds web1 ("),
        (id("01"), "several archives"),
        (name("web3"), "it is not there: the cartridge holds"),
        (name("web"), "web2 ("),
        (Selector::File(6), "it has no tape file 6: it has 6, 0 to 5"),
        (Selector::File(99), "it has no tape file 99: it has 6, 0 to 5"),
    ] {
        let error = select(&mut open(&mechanism), &selector).unwrap_err();
        assert_eq!(archives::class(&error), "refused");
        assert!(error.to_string().contains(said) && error.remedy().is_some(), "{selector:?}: {error}");
    }
}

#[test]
fn a_drive_that_goes_elsewhere_is_noticed() {
    let cartridge = cartridge();
    let files = cartridge.files();
    let ids: Vec<_> = files.iter().map(|records| id_of(records)).collect();
    let mechanism = Mechanism::holding(&cartridge);
    let mut drive = open(&mechanism);
    drive.slips = Some((30, 1));
    let error = select(&mut drive, &id(&ids[1])).unwrap_err();
    assert_eq!(archives::class(&error), "damaged");
    assert!(error.to_string().contains("something else"), "{error}");
}
