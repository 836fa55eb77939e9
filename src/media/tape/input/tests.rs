use super::super::simulated::{Access, Cartridge, Mechanism, Recorded, SimulatedDrive, Unreadable};
use super::*;
use crate::drive::Drive;
use crate::error::Error;

const R: usize = 1000;

/// A tape file of so many records that all differ.
fn numbered(count: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| vec![number + 1; R]).collect()
}

fn open(cartridge: &Cartridge) -> (Mechanism, SimulatedDrive) {
    let mechanism = Mechanism::holding(cartridge);
    let drive = mechanism.open(Access::Read).unwrap();
    (mechanism, drive)
}

fn read_all(input: &mut dyn Input) -> io::Result<Vec<u8>> {
    let (mut content, mut buffer) = (Vec::new(), vec![0; 333]);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(content),
            length => content.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Everything that can be read, with zeros in place of what is lost, and where the losses are.
fn salvage(input: &mut dyn Input) -> (Vec<u8>, Vec<(usize, u64)>) {
    let (mut content, mut lost, mut buffer) = (Vec::new(), Vec::new(), vec![0; 700]);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return (content, lost),
            Ok(length) => content.extend_from_slice(&buffer[..length]),
            Err(cause) => {
                let lost_bytes = input.pass_unreadable(&cause).unwrap_or_else(|| panic!("{cause}")).unwrap();
                lost.push((content.len(), lost_bytes));
                content.resize(content.len() + lost_bytes as usize, 0);
            }
        }
    }
}

fn why(error: io::Error) -> (String, String) {
    let error = Error::io("reading", "/dev/nst9", error);
    (error.to_string(), error.remedy().unwrap_or_default().to_owned())
}

#[test]
fn ends_at_the_first_filemark_behind_which_the_tape_then_stands() {
    let cartridge = Cartridge::with_files(&[numbered(3), numbered(1), numbered(2)]);
    let (mechanism, drive) = open(&cartridge);
    let mut input = TapeInput::new(Box::new(drive));
    assert_eq!(read_all(&mut input).unwrap(), numbered(3).concat());
    assert_eq!(input.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!((input.length(), mechanism.positionings()), (None, 0));
    drop(input);
    let mut drive = mechanism.open(Access::Read).unwrap();
    assert_eq!((drive.address().unwrap(), drive.status().unwrap().file), (4, Some(1)));
    let mut input = TapeInput::new(Box::new(drive));
    assert_eq!(read_all(&mut input).unwrap(), numbered(1).concat());
}

#[test]
fn records_of_any_size_are_read_and_the_drive_need_not_take_long_reads() {
    let sizes = [512, 10_240, 1 << 20, (1 << 20) + 1, 5 << 20, 100, (16 << 20) - 1, 7];
    let records: Vec<_> = sizes.iter().enumerate().map(|(place, size)| vec![place as u8; *size]).collect();
    for largest in [(16 << 20) - 1, 6 << 20, 1 << 20, 300 << 10] {
        let fitting: Vec<_> = records.iter().filter(|record| record.len() <= largest).cloned().collect();
        let (mechanism, drive) = open(&Cartridge::with_files(std::slice::from_ref(&fitting)));
        mechanism.change(|behaviour| behaviour.largest_record_bytes = largest);
        let mut input = TapeInput::new(Box::new(drive));
        assert!(read_all(&mut input).unwrap() == fitting.concat(), "{largest}");
    }
}

#[test]
fn a_blank_tape_the_end_of_data_and_an_empty_tape_file_are_told_apart_from_an_empty_archive() {
    let (_, drive) = open(&Cartridge::large());
    let (told, remedy) = why(read_all(&mut TapeInput::new(Box::new(drive))).unwrap_err());
    assert!(told.contains("blank") && remedy.contains("mt -f /dev/nst9 rewind"), "{told} {remedy}");
    for go in [|drive: &mut SimulatedDrive| drive.to_end_of_data(), |drive: &mut SimulatedDrive| drive.space_files(1)] {
        let (_, mut drive) = open(&Cartridge::with_files(&[numbered(1)]));
        go(&mut drive).unwrap();
        assert!(why(read_all(&mut TapeInput::new(Box::new(drive))).unwrap_err()).0.contains("blank"));
    }
    let (_, drive) = open(&Cartridge::with_files(&[vec![], numbered(1)]));
    let (told, remedy) = why(read_all(&mut TapeInput::new(Box::new(drive))).unwrap_err());
    assert!(told.contains("nothing before the next filemark") && remedy.contains("run it again"), "{told}");
}

#[test]
fn a_tape_file_that_was_not_closed_ends_where_the_data_does() {
    for addresses in [true, false] {
        let cartridge = Cartridge::with_files(&[numbered(3)]);
        cartridge.cut(2);
        let (mechanism, drive) = open(&cartridge);
        mechanism.change(|behaviour| behaviour.addresses = addresses);
        assert_eq!(read_all(&mut TapeInput::new(Box::new(drive))).unwrap(), numbered(2).concat());
    }
}

#[test]
fn a_record_that_is_readable_at_another_try_costs_nothing_but_time() {
    for (addresses, passes, bad) in all_kinds() {
        for failures in [1, 2] {
            let cartridge = Cartridge::with_files(&[numbered(1), numbered(5)]);
            cartridge.make_unreadable(2 + bad, Unreadable { failures, passes });
            let (mechanism, mut drive) = open(&cartridge);
            mechanism.change(|behaviour| behaviour.addresses = addresses);
            drive.space_files(1).unwrap();
            let content = read_all(&mut TapeInput::new(Box::new(drive)));
            assert_eq!(content.unwrap(), numbered(5).concat(), "{addresses} {passes} {bad} {failures}");
        }
    }
}

/// With addresses or without; a failed read passes the record or not; the first, one in the middle, the last.
fn all_kinds() -> impl Iterator<Item = (bool, bool, usize)> {
    let kinds = [(true, true), (true, false), (false, true), (false, false)];
    kinds.into_iter().flat_map(|(addresses, passes)| [0, 2, 4].map(|bad| (addresses, passes, bad)))
}

#[test]
fn a_record_that_is_lost_is_told_exactly_and_everything_else_can_be_had() {
    for (addresses, passes, bad) in all_kinds() {
        for first_file in [0, 1] {
            let cartridge = Cartridge::with_files(&vec![numbered(5); first_file + 1]);
            cartridge.make_unreadable(6 * first_file + bad, Unreadable { failures: u32::MAX, passes });
            let (mechanism, mut drive) = open(&cartridge);
            mechanism.change(|behaviour| behaviour.addresses = addresses);
            drive.space_files(first_file as i32).unwrap();
            let mut input = TapeInput::new(Box::new(drive));
            let (content, lost) = salvage(&mut input);
            let mut expected = numbered(5);
            expected[bad].fill(0);
            assert_eq!(lost, [(bad * R, R as u64)], "{addresses} {passes} {bad}");
            assert!(content == expected.concat(), "{addresses} {passes} {bad}");
        }
    }
}

#[test]
fn whoever_does_not_pass_a_lost_record_gets_no_further() {
    let cartridge = Cartridge::with_files(&[numbered(3)]);
    cartridge.make_unreadable(1, Unreadable::FOR_GOOD);
    let (_, drive) = open(&cartridge);
    let mut input = TapeInput::new(Box::new(drive));
    let (told, remedy) = why(read_all(&mut input).unwrap_err());
    assert!(told.contains("record 1, bytes 1000 to 2000 of what is read, cannot be read"), "{told}");
    assert!(remedy.contains("clean the drive") && remedy.contains("salvage"));
    input.read(&mut [0; 10]).unwrap_err();
    input.read(&mut [0; 10]).unwrap_err();
}

#[test]
fn several_lost_records_before_the_first_good_one_are_as_long_as_that() {
    let cartridge = Cartridge::with_files(&[numbered(4)]);
    [0, 1].iter().for_each(|bad| cartridge.make_unreadable(*bad, Unreadable::FOR_GOOD));
    let (_, drive) = open(&cartridge);
    let (content, lost) = salvage(&mut TapeInput::new(Box::new(drive)));
    // One by one, so that nobody has to take many at once.
    assert_eq!(lost, [(0, R as u64), (R, R as u64)]);
    assert!(content[2 * R..] == numbered(4)[2..].concat());
}

#[test]
fn a_tape_file_whose_beginning_is_lost_is_given_up_at_last() {
    for (bad, can_be_had) in [(64, true), (65, false)] {
        let cartridge = Cartridge::with_files(&[numbered(80)]);
        (0..bad).for_each(|bad| cartridge.make_unreadable(bad, Unreadable::FOR_GOOD));
        let (_, drive) = open(&cartridge);
        let mut input = TapeInput::new(Box::new(drive));
        if can_be_had {
            let (content, lost) = salvage(&mut input);
            assert_eq!(lost.len(), bad);
            assert!(content[bad * R..] == numbered(80)[bad..].concat());
            continue;
        }
        let cause = input.read(&mut [0; R]).unwrap_err();
        let (told, _) = why(input.pass_unreadable(&cause).unwrap().unwrap_err());
        assert!(told.contains("the first 64 records cannot be read"), "{told}");
        input.read(&mut [0; R]).unwrap_err();
    }
}

#[test]
fn a_reset_in_between_says_what_to_do_and_nothing_can_be_passed() {
    let (mechanism, drive) = open(&Cartridge::with_files(&[numbered(3)]));
    let mut input = TapeInput::new(Box::new(drive));
    input.read(&mut [0; R]).unwrap();
    mechanism.reset();
    let error = input.read(&mut [0; R]).unwrap_err();
    assert!(input.pass_unreadable(&error).is_none());
    let (told, remedy) = why(error);
    assert!(told.contains("reset in between") && remedy.contains("mt -f /dev/nst9 rewind"), "{told} {remedy}");
    let (mechanism, drive) = open(&Cartridge::with_files(&[numbered(3)]));
    mechanism.eject();
    let error = read_all(&mut TapeInput::new(Box::new(drive))).unwrap_err();
    assert!(why(error).0.contains("no cartridge"));
}

#[test]
fn an_output_only_descriptor_is_explained() {
    let mechanism = Mechanism::holding(&Cartridge::with_files(&[numbered(1)]));
    let drive = mechanism.open(Access::Write).unwrap();
    assert!(why(read_all(&mut TapeInput::new(Box::new(drive))).unwrap_err()).0.contains("other direction"));
}

#[test]
fn reading_changes_nothing_on_the_cartridge() {
    let cartridge = Cartridge::with_files(&[numbered(3)]);
    cartridge.make_unreadable(1, Unreadable { failures: 1, passes: true });
    let before: Vec<Recorded> = cartridge.recorded();
    let (_, drive) = open(&cartridge);
    read_all(&mut TapeInput::new(Box::new(drive))).unwrap();
    assert_eq!(cartridge.recorded(), before);
}
