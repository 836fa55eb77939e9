//! Chains through the command line: onto new images, existing ones and devices, by every option, and what is no chain.

mod archives;
mod chains;
mod place;
mod support;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use archives::history::{Link, link};
use chains::Chain;
use place::{MIB, failed, says, text};
use support::{LoopDevice, is_root};

#[test]
fn more_archives_than_may_be_open_are_refused_with_a_way_out() {
    let chain = Chain::new();
    let line = "ulimit -n 7; blocktar restore -i 1.tar -i 2.tar -i 3.tar -i 4.tar a.img";
    failed(&chain.place.shell(line), line, 3, &["Too many open files", "ulimit -n 8192", "blocktar merge"]);
    assert!(!chain.path("a.img").exists());
    let line = "ulimit -n 8; blocktar merge 1.tar 2.tar -o 12.tar; blocktar merge 3.tar 4.tar -o 34.tar";
    assert_eq!(chain.place.shell(line).status.code(), Some(0));
    let line = "ulimit -n 8; blocktar restore -i 12.tar -i 34.tar a.img";
    assert_eq!(chain.place.shell(line).status.code(), Some(0));
}

#[test]
fn a_chain_is_restored_in_any_order() {
    let chain = Chain::new();
    let output = chain.restores("restore -i 2.tar -i 4.tar -i 1.tar -i 3.tar a.img --read-back", "a.img", 3);
    says(&output.stderr, "summary", &["1.tar, full of 2024", "4.tar, increment of 2024", &chain.links[3].id]);
    chain.restores("restore -i 2.tar -i 1.tar b.img", "b.img", 1);
    // What the increment made zero was never written, and takes no room.
    let room_bytes = fs::metadata(chain.path("b.img")).unwrap().blocks() * 512;
    assert!(room_bytes <= 2 * MIB as u64, "{room_bytes} bytes of an image with 1 MiB of zeros");
    chain.restores("restore -i 3.tar -i 2.tar -i 1.tar --until 2024-01-01T02:00:00Z c.img", "c.img", 1);
    chain.restores(&format!("restore -i 3.tar -i 2.tar -i 1.tar --until {} d.img", chain.links[0].id), "d.img", 0);
    fs::write(chain.path("there.img"), vec![0xff; 5 * MIB]).unwrap();
    chain.restores("restore -i 2.tar -i 1.tar there.img --overwrite", "there.img", 1);
    let json = chain.place.run("restore -i 2.tar -i 1.tar e.img --json -q");
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(told["chain"][0]["archive"], "1.tar");
    assert_eq!(told["chain"][1]["state"], chain.links[1].state.as_str());
    assert_eq!(told["info"]["id"], chain.links[1].id.as_str());
    let restored = &told["restored"];
    assert_eq!(restored["data_bytes"].as_u64().unwrap() + restored["zero_bytes"].as_u64().unwrap(), 3 * MIB as u64);
}

#[test]
fn pipes_are_applied_oldest_first() {
    let chain = Chain::new();
    for line in [
        "blocktar restore -i <(cat 2.tar) -i <(cat 1.tar) -i <(cat 3.tar) piped.img --overwrite",
        "cat 1.tar | blocktar restore -i 3.tar -i - -i <(cat 2.tar) piped.img --overwrite",
        "cat 2.tar | blocktar restore -i 3.tar -i 1.tar -i - piped.img --overwrite --read-back",
    ] {
        let output = chain.place.shell(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        assert!(fs::read(chain.path("piped.img")).unwrap() == chain.states[2], "{line}");
    }
    let output = chain.place.shell("cat 1.tar | blocktar restore -i - -i - new.img");
    failed(&output, "twice", 6, &["named twice"]);
}

#[test]
fn what_is_no_chain_is_refused() {
    let chain = Chain::new();
    chain.write(&link(8, Some((&chain.states[0], &chain.links[0])), &chain.states[2]));
    chain.write(&link(9, None, &chain.states[1]));
    chain.refuses("restore -i 1.tar -i 3.tar new.img", &["refused to restore 3.tar", &chain.links[1].id, "help: "]);
    chain.refuses("restore -i 3.tar -i 2.tar new.img", &["restore 2.tar alone", &chain.links[0].id, "--onto-parent"]);
    chain.refuses("restore -i 1.tar -i 2.tar -i 8.tar new.img", &["2.tar and 8.tar", "both build on 1.tar", "--until"]);
    chain.refuses("restore -i 1.tar -i 9.tar new.img", &["both are fulls"]);
    fs::copy(chain.path("2.tar"), chain.path("2b.tar")).unwrap();
    let output = chain.place.run("restore -i 1.tar -i 2.tar -i 2b.tar new.img");
    failed(&output, "twice", 6, &["2.tar and 2b.tar", "both are part 1"]);
    chain.restores(&format!("restore -i 8.tar -i 2.tar -i 1.tar --until {} x.img", chain.links[1].id), "x.img", 1);
    for (line, code, says) in [
        ("restore -i 1.tar -i 2.tar --until 2023-12-31 new.img", 6, "later than that"),
        ("restore -i 1.tar -i 2.tar --until yesterday new.img", 2, "neither the beginning of an id nor a time"),
        ("restore -i 1.tar --until 0194 new.img", 6, "no archive of the chain"),
        ("restore -i 2.tar --check-parent 1.tar new.img", 2, "--onto-parent"),
        ("restore -i 2.tar --onto-parent --overwrite new.img", 2, "cannot be used with"),
    ] {
        failed(&chain.place.run(line), line, code, &[says]);
    }
}

#[test]
fn the_plan_names_the_archives_in_order() {
    let chain = Chain::new();
    let output = chain.place.run("restore -i 3.tar -i 1.tar -i 2.tar new.img --dry-run");
    let told = text(&output.stdout);
    let places = ["1.tar, full", "2.tar, increment", "3.tar, increment"].map(|word| told.find(word).expect(word));
    assert!(places.is_sorted(), "{told}");
    assert!(told.contains("a new sparse image of 4 MiB") && !chain.path("new.img").exists(), "{told}");
    let json = chain.place.run("restore -i 3.tar -i 1.tar -i 2.tar new.img --dry-run --json");
    let plan = serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap()["plan"].take();
    assert_eq!((plan["chain"][2]["archive"].as_str(), plan["onto_parent"].as_bool()), (Some("3.tar"), Some(false)));
    assert_eq!(plan["data_bytes"].as_u64().unwrap() + plan["zero_bytes"].as_u64().unwrap(), 4 * MIB as u64);
}

#[test]
fn an_increment_goes_onto_an_image_that_holds_its_parent() {
    let chain = Chain::new();
    let held = |state: usize| fs::write(chain.path("held.img"), &chain.states[state]).unwrap();
    held(0);
    chain.restores("restore -i 2.tar --onto-parent held.img --read-back", "held.img", 1);
    // Once more does no harm: that is what helps when it was interrupted.
    chain.restores("restore -i 2.tar --onto-parent held.img", "held.img", 1);
    chain.restores("restore -i 3.tar --onto-parent held.img --check-parent 2.tar --check-parent 1.tar", "held.img", 2);
    chain.restores("restore -i 4.tar --onto-parent held.img", "held.img", 3);
    held(1);
    chain.restores("restore -i 4.tar -i 3.tar --onto-parent held.img", "held.img", 3);
    let output = chain.place.run("restore -i 2.tar --onto-parent held.img --dry-run");
    failed(&output, "a size that neither had", 7, &["bytes, and what the archive builds on had 3145728"]);
    chain.refuses("restore -i 1.tar --onto-parent held.img", &["it is a full"]);
    let output = chain.place.run("restore -i 2.tar --onto-parent new.img");
    failed(&output, "no image", 6, &["it does not exist", "holds the parent"]);
}

#[test]
fn onto_parent_holds_the_samples_and_the_parent_against_the_target() {
    let chain = Chain::new();
    let mut held = chain.states[0].clone();
    held[0] ^= 1;
    fs::write(chain.path("held.img"), &held).unwrap();
    let line = "restore -i 2.tar --onto-parent held.img";
    failed(&chain.place.run(line), line, 7, &["bytes 0 to 4095 of held.img", "help: restore the parent"]);
    // In a block that no sample knows.
    held[0] ^= 1;
    held[3 * MIB - 1] ^= 1;
    fs::write(chain.path("held.img"), &held).unwrap();
    let line = "restore -i 2.tar --onto-parent --check-parent 1.tar held.img";
    failed(&chain.place.run(line), line, 7, &["of held.img are not what they were"]);
    assert!(fs::read(chain.path("held.img")).unwrap() == held, "it was written");
    let line = "restore -i 3.tar --onto-parent --check-parent 1.tar held.img";
    failed(&chain.place.run(line), line, 7, &["1.tar does not leave its state"]);
}

#[test]
fn a_dry_run_onto_a_parent_holds_it_against_the_target_and_only_reads() {
    let chain = Chain::new();
    let path = chain.path("held.img");
    let set_writable = |is_writable: bool| {
        let mode = if is_writable { 0o644 } else { 0o444 };
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let hold = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        set_writable(false);
    };
    let run = |line: &str, code: i32, says: &str| {
        let before = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
        let output = chain.place.run(line);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {told}");
        assert!(told.contains(says), "{line}: {told}");
        assert!(before == (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap()), "{line}");
        output.stdout
    };
    let (dry, every) = ("restore -n -i 2.tar --onto-parent held.img", "--check-parent 1.tar");
    hold(&chain.states[0]);
    run(dry, 0, "held.img holds the parent, as far as");
    run(&format!("{dry} {every}"), 0, "held.img holds the parent, byte for byte");
    run("restore -n -i 3.tar -i 2.tar --onto-parent held.img", 0, "held.img holds the parent, as far as");
    let answer = run(&format!("{dry} --json"), 0, "");
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert!(answer["parent_checked"]["samples"].as_u64().unwrap() > 0, "{answer}");
    assert_eq!(answer["parent_checked"]["every_byte"], false);
    run("restore -n -i 1.tar new.img", 0, "a new sparse image");
    set_writable(true);

    let mut held = chain.states[0].clone();
    held[0] ^= 1;
    hold(&held);
    run(dry, 7, "bytes 0 to 4095 of held.img are not what they were");
    set_writable(true);
    // In a block that no sample knows.
    held[0] ^= 1;
    held[3 * MIB - 1] ^= 1;
    hold(&held);
    run(dry, 0, "held.img holds the parent, as far as");
    run(&format!("{dry} {every}"), 7, "of held.img are not what they were");
    run(&format!("restore -n -i 3.tar --onto-parent held.img {every}"), 7, "1.tar does not leave its state");
}

#[test]
fn a_volume_is_restored_by_its_device() {
    let chain = Chain::new();
    let line = "restore -i 1.tar lvm:vg/root";
    failed(
        &chain.place.run(line),
        line,
        6,
        &["read by such a name, not written", "help: name its device: /dev/vg/root"],
    );
}

#[test]
fn a_parent_is_checked_only_where_one_must_be_there() {
    let chain = Chain::new();
    fs::write(chain.path("held.img"), &chain.states[0]).unwrap();
    let line = "restore -i 1.tar --check-parent 1.tar held.img --overwrite";
    failed(&chain.place.run(line), line, 2, &["--check-parent"]);
}

#[test]
fn parts_and_increments_are_named_together() {
    let chain = Chain::new();
    let output = chain.place.run("reblock 1.tar -o full-%03d.tar --part-size 1M -q");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(chain.path("full-003.tar").exists());
    chain.restores("restore -i full-%03d.tar -i 2.tar new1.img", "new1.img", 1);
    chain.restores("restore -i 3.tar -i full-002.tar -i 2.tar -i full-001.tar -i full-003.tar new2.img", "new2.img", 2);
    fs::write(chain.path("held.img"), &chain.states[0]).unwrap();
    chain.restores("restore -i 2.tar --onto-parent --check-parent full-%03d.tar held.img", "held.img", 1);
    fs::remove_file(chain.path("full-002.tar")).unwrap();
    let output = chain.place.run("restore -i full-%03d.tar -i 2.tar new.img");
    failed(&output, "without part 2", 4, &["part 2"]);
}

#[test]
fn a_device_gets_the_chain_and_its_head_last() {
    if !is_root("restoring a chain onto a loop device") {
        return;
    }
    let chain = Chain::new();
    let device = LoopDevice::dirty(5 * MIB, 512);
    let path = device.path.display();
    let output = chain.place.run(&format!("restore -i 3.tar -i 2.tar -i 1.tar {path} --read-back"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let content = device.content();
    assert!(content[..4 * MIB] == chain.states[2] && content[4 * MIB..].iter().all(|byte| *byte == 0xff));
    let output = chain.place.run(&format!(
        "restore -i 4.tar --onto-parent {path} --check-parent 3.tar --check-parent 2.tar --check-parent 1.tar"
    ));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(device.content()[..chain.states[3].len()] == chain.states[3]);
    // The full comes from a pipe, and is not the one on which the increment builds: nothing there looks whole.
    let mut other = chain.states[0].clone();
    other[2 * MIB + MIB / 2] ^= 1;
    chain.write(&Link { number: 7, ..link(1, None, &other) });
    let line = format!("blocktar restore -i <(cat 7.tar) -i 2.tar {path} --overwrite");
    failed(&chain.place.shell(&line), &line, 7, &["in another state", "has been overwritten within", "not whole"]);
    assert!(device.content()[..MIB].iter().all(|byte| *byte == 0), "its head looks whole");
}

#[test]
fn the_list_says_what_builds_on_what() {
    let chain = Chain::new();
    fs::remove_file(chain.path("backup.tar")).unwrap();
    let told = text(&chain.place.run("list .").stdout);
    let line = |number: usize| told.lines().find(|line| line.starts_with(&chain.links[number].id)).unwrap().to_owned();
    assert!(told.lines().next().unwrap().ends_with("BUILDS ON"), "{told}");
    assert!(line(0).ends_with("1.tar  -") && line(2).ends_with("3.tar  ./2.tar"), "{told}");
    fs::remove_file(chain.path("1.tar")).unwrap();
    let told = text(&chain.place.run("list .").stdout);
    assert!(told.contains(&format!("{} (not here)", chain.links[0].id)), "{told}");
    let told = text(&chain.place.run("list 4.tar disk.img").stdout);
    assert!(told.contains("BUILDS ON"), "{told}");
}
