//! `salvage` and `restore --only` as users run them.

mod place;
mod support;

use std::fs;
use std::os::unix::fs::FileExt;

use place::Place;
use serde_json::{Value, json};
use support::{LoopDevice, is_root};

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn listed(place: &Place, name: &str) -> Vec<(usize, usize)> {
    let list = json_of(&fs::read(place.path(name)).unwrap());
    let number = |extent: &Value, key: &str| extent[key].as_u64().unwrap() as usize;
    list.as_array().unwrap().iter().map(|extent| (number(extent, "start"), number(extent, "length"))).collect()
}

/// A copy of the archive, with this many bytes of 0x55 in its middle, and its head.
fn spoil(place: &Place, name: &str, head: bool) {
    let mut archive = fs::read(place.path("backup.tar")).unwrap();
    let middle = archive.len() / 2;
    archive[middle..middle + 700].fill(0x55);
    if head {
        archive[..1024].fill(0);
    }
    fs::write(place.path(name), archive).unwrap();
}

#[test]
fn a_broken_archive_is_salvaged_and_made_whole_from_a_copy() {
    let place = Place::new();
    for head in [false, true] {
        spoil(&place, "broken.tar", head);
        let output = place.run("salvage -i broken.tar new.img --lost lost.json");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(8), "{talk}");
        for text in ["salvaged new.img", "lost, reads as zero: bytes", "restore -i COPY --only lost.json new.img"] {
            assert!(talk.contains(text), "{text} in {talk}");
        }
        let lost = listed(&place, "lost.json");
        let found = fs::read(place.path("new.img")).unwrap();
        assert_eq!((lost.len(), found.len()), (1, place.image.len()));
        let (start, length) = lost[0];
        assert!(length <= 1 << 20 && found[start..start + length].iter().all(|byte| *byte == 0));
        let sound = |range: std::ops::Range<usize>| found[range.clone()] == place.image[range];
        assert!(sound(0..start) && sound(start + length..found.len()));

        let output = place.run("restore -i backup.tar --only lost.json new.img --json");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let told = json_of(&output.stdout);
        assert_eq!((&told["wanted_bytes"], &told["lacking_bytes"]), (&json!(length), &json!(0)));
        assert!(fs::read(place.path("new.img")).unwrap() == place.image);
        fs::remove_file(place.path("new.img")).unwrap();
        fs::remove_file(place.path("lost.json")).unwrap();
    }
}

#[test]
fn through_pipes_it_is_the_same() {
    let place = Place::new();
    spoil(&place, "broken.tar", true);
    let run = |script: String| {
        let program = env!("CARGO_BIN_EXE_blocktar");
        let script = script.replace("blocktar", program);
        std::process::Command::new("sh").args(["-c", &script]).current_dir(place.folder.path()).output().unwrap()
    };
    let output = run("cat broken.tar | blocktar salvage new.img --lost lost.json --json".to_owned());
    assert_eq!(output.status.code(), Some(8), "{}", String::from_utf8_lossy(&output.stderr));
    let told = json_of(&output.stdout);
    assert_eq!((&told["device_bytes"], &told["device_bytes_certain"]), (&json!(place.image.len()), &json!(true)));
    assert!(told["faults"].as_array().unwrap().len() >= 2, "{told}");
    let output = run("cat backup.tar | blocktar restore --only lost.json new.img --lost still.json -q".to_owned());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(place.path("new.img")).unwrap() == place.image);
    assert_eq!(fs::read_to_string(place.path("still.json")).unwrap(), "[]\n");
}

#[test]
fn what_a_copy_lacks_too_is_told_and_listed() {
    let place = Place::new();
    spoil(&place, "broken.tar", false);
    assert_eq!(place.run("salvage -i broken.tar new.img --lost lost.json -q").status.code(), Some(8));
    let output = place.run("restore -i broken.tar --only lost.json new.img --lost still.json");
    assert_eq!(output.status.code(), Some(8));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not hold it either"), "{output:?}");
    assert_eq!(listed(&place, "still.json"), listed(&place, "lost.json"));
}

#[test]
fn a_sound_archive_loses_nothing() {
    let place = Place::new();
    let output = place.run("salvage -i backup.tar new.img --lost lost.json");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(place.path("new.img")).unwrap() == place.image);
    assert!(listed(&place, "lost.json").is_empty());
}

#[test]
fn what_exists_is_written_into_only_with_the_word() {
    let place = Place::new();
    spoil(&place, "broken.tar", true);
    fs::write(place.path("old.img"), vec![0xaa; place.image.len() + 5000]).unwrap();
    place.refuses("salvage -i broken.tar old.img --lost lost.json", &["exists", "--overwrite"]);
    place.refuses("salvage -i broken.tar broken.tar --lost lost.json --overwrite", &["it is the archive"]);
    place.refuses("salvage -i broken.tar new.img --lost broken.tar --overwrite", &["broken.tar, which is in use"]);
    place.refuses("salvage -i broken.tar new.img --lost new.img", &["new.img, which is in use"]);
    place.refuses("restore -i backup.tar --only lost.json none.img", &["does not exist"]);
    assert!(!place.path("lost.json").exists());
    let output = place.run("salvage -i broken.tar old.img --lost lost.json --overwrite");
    assert_eq!(output.status.code(), Some(8), "{}", String::from_utf8_lossy(&output.stderr));
    let (start, length) = listed(&place, "lost.json")[0];
    let found = fs::read(place.path("old.img")).unwrap();
    assert_eq!(found.len(), place.image.len() + 5000);
    assert!(found[start..start + length].iter().chain(&found[place.image.len()..]).all(|byte| *byte == 0xaa));
    let twice = place.run("salvage -i broken.tar new.img --lost lost.json");
    assert_eq!(twice.status.code(), Some(6), "an older list is not replaced unasked");
    assert!(!place.path("new.img").exists());
}

#[test]
fn what_holds_nothing_is_called_damaged_and_leaves_nothing() {
    let place = Place::new();
    let output = place.run("salvage -i disk.img new.img --lost lost.json");
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not one sound member"), "{output:?}");
    assert!(!place.path("new.img").exists() && !place.path("lost.json").exists());
}

#[test]
fn a_device_keeps_what_is_lost_and_gets_it_back() {
    if !is_root("salvage onto a device") {
        return;
    }
    let place = Place::new();
    spoil(&place, "broken.tar", false);
    let device = LoopDevice::dirty(place.image.len(), 512);
    let path = device.path.display();
    let output = place.run(&format!("salvage -i broken.tar {path} --lost lost.json"));
    assert_eq!(output.status.code(), Some(8), "{}", String::from_utf8_lossy(&output.stderr));
    let (start, length) = listed(&place, "lost.json")[0];
    let found = device.content();
    assert!(found[start..start + length].iter().all(|byte| *byte == 0xff));
    assert!(found[..start] == place.image[..start] && found[start + length..] == place.image[start + length..]);
    let small = LoopDevice::dirty(place.image.len() - 4096, 512);
    place.refuses(&format!("salvage -i broken.tar {} --lost two.json", small.path.display()), &["larger device"]);
    assert_eq!(place.run(&format!("restore -i backup.tar --only lost.json {path}")).status.code(), Some(0));
    assert!(device.content() == place.image);
}

/// Only these ranges of the copy are read: all else of it may be anything.
#[test]
fn of_a_copy_in_a_file_only_the_ranges_are_read() {
    let place = Place::new();
    fs::write(place.path("lost.json"), "[{\"start\":5000,\"length\":10}]").unwrap();
    fs::write(place.path("old.img"), vec![0xaa; place.image.len()]).unwrap();
    let copy = fs::File::options().write(true).open(place.path("backup.tar")).unwrap();
    let end = fs::metadata(place.path("backup.tar")).unwrap().len();
    copy.write_all_at(&[0x55; 100], end * 2 / 3).unwrap();
    let output = place.run("restore -i backup.tar --only lost.json old.img");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found = fs::read(place.path("old.img")).unwrap();
    assert!(found[5000..5010] == place.image[5000..5010]);
    assert!(found[..5000].iter().chain(&found[5010..]).all(|byte| *byte == 0xaa));
}

/// The archive once more, in parts `p-001.tar` and so on; how many there are.
fn in_parts(place: &Place) -> usize {
    let line = "blocktar reblock backup.tar -o 'p-%03d.tar' --part-size 1M -q";
    assert_eq!(place.shell(line).status.code(), Some(0));
    (1..100).find(|number| !place.path(&format!("p-{number:03}.tar")).exists()).unwrap() - 1
}

#[test]
fn the_parts_that_there_are_are_salvaged_and_the_others_come_from_a_copy_in_parts() {
    let place = Place::new();
    let count = in_parts(&place);
    assert!(count >= 3, "{count}");
    fs::rename(place.path("p-002.tar"), place.path("away.tar")).unwrap();
    let next = "--next-medium 'printf p-%03d.tar $BLOCKTAR_PART'";
    for (step, input) in [
        "-i 'p-%03d.tar'".to_owned(),
        "-i p-003.tar -i p-001.tar".to_owned() + " " + next,
        format!("-i p-001.tar {next}"),
    ]
    .into_iter()
    .enumerate()
    {
        let output = place.shell(&format!("blocktar salvage {input} {step}.img --lost {step}.json"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(8), "{input}: {said}");
        assert!(
            said.contains(if step == 0 { "part 2 of it was not given" } else { "part 2 is not at hand" }),
            "{input}: {said}"
        );
        let found = fs::read(place.path(&format!("{step}.img"))).unwrap();
        let lost = listed(&place, &format!("{step}.json"));
        assert!(lost.iter().map(|(_, length)| length).sum::<usize>() < place.image.len() * 2 / 3, "{lost:?}");
        let is_lost = |at: usize| lost.iter().any(|(start, length)| (*start..start + length).contains(&at));
        for (at, (found, byte)) in found.iter().zip(&place.image).enumerate() {
            assert!(found == byte || (*found == 0 && is_lost(at)), "{input}: byte {at}");
        }
    }
    fs::rename(place.path("away.tar"), place.path("p-002.tar")).unwrap();
    let next = format!("-i p-001.tar {next}");
    for (step, copy) in ["-i 'p-%03d.tar'", "-i p-003.tar -i p-001.tar -i p-002.tar", &next].into_iter().enumerate() {
        let output = place.shell(&format!("blocktar restore {copy} --only {step}.json {step}.img"));
        assert_eq!(output.status.code(), Some(0), "{copy}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(place.path(&format!("{step}.img"))).unwrap() == place.image, "{copy}");
    }
}

#[test]
fn all_parts_are_salvaged_as_they_are_asked_for() {
    let place = Place::new();
    in_parts(&place);
    let next = "--next-medium 'printf p-%03d.tar $BLOCKTAR_PART'";
    for input in [format!("-i p-001.tar {next}"), "-i 'p-%03d.tar'".to_owned()] {
        let output = place.shell(&format!("blocktar salvage {input} new.img --lost lost.json && rm lost.json"));
        assert_eq!(output.status.code(), Some(0), "{input}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read(place.path("new.img")).unwrap() == place.image, "{input}");
        fs::remove_file(place.path("new.img")).unwrap();
    }
}
