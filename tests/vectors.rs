//! Every vector of the specification comes to its outcome: by each way of reading in the library, and by the commands.

mod archives;
mod vector;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use archives::{MemoryInput, Way, code, restore_bytes};
use blocktar::progress::Progress;
use blocktar::verify::verify;
use vector::Vector;

/// What a hostile archive may make a reader take, in KiB of address space: threads, libraries and all.
const MEMORY_KIB: u64 = 300 << 10;

fn library_restores(vector: &Vector, way: Way) -> i64 {
    let (image, outcome) = restore_bytes(&vector.bytes, way, 2, vector.size());
    match outcome {
        Ok(summary) => {
            vector.check_image(&format!("{way:?}"), &image, 0xff);
            if summary.bad.is_empty() { 0 } else { 8 }
        }
        Err(error) => {
            let spoken = error.to_string();
            // What a reader that goes by the index comes upon first is its own affair.
            assert!(way == Way::File || spoken.contains(vector.says()), "{}: {spoken}", vector.name);
            code(&error)
        }
    }
}

fn library_verifies(vector: &Vector) -> i64 {
    let report = verify(MemoryInput::boxed(&vector.bytes, Way::Pipe), 2, &Progress::default()).unwrap();
    let Some(fault) = report.faults.first() else {
        return if report.bad.is_empty() { 0 } else { 8 };
    };
    let spoken: Vec<_> = report.faults.iter().map(|fault| fault.error.to_string()).collect();
    assert!(spoken.iter().any(|one| one.contains(vector.says())), "{}: {spoken:?}", vector.name);
    code(&fault.error)
}

#[test]
fn the_library_comes_to_every_outcome() {
    let vectors = vector::all();
    let mut counts = BTreeMap::new();
    for vector in &vectors {
        let name = &vector.name;
        let verified = library_verifies(vector);
        assert!(vector.codes("verify").contains(&verified), "{name}: verify came to {verified}");
        *counts.entry(verified).or_insert(0) += 1;
        let expected = vector.codes("restore");
        for way in [Way::Pipe, Way::File] {
            if !expected.is_empty() {
                let restored = library_restores(vector, way);
                assert!(expected.contains(&restored), "{name}: restore by {way:?} came to {restored}");
            }
        }
    }
    println!("{} vectors; verify came to: {counts:?}", vectors.len());
}

/// Where what the index says of itself is wrong, or a member has another length there, the two begin with another fault.
const OTHER_FAULT_BY_INDEX: [&str; 11] = [
    "backup_info_second",
    "index_line_missing",
    "index_marked_optional",
    "index_missing",
    "index_position",
    "index_seq",
    "length_wrong",
    "length_zero",
    "map_second",
    "member_doubled",
    "member_missing",
];

#[test]
fn both_ways_of_reading_name_what_is_affected() {
    let (mut same, mut other) = (0, Vec::new());
    for vector in vector::all().iter().filter(|vector| !vector.codes("restore").is_empty()) {
        let affected = |way| {
            let outcome = restore_bytes(&vector.bytes, way, 2, vector.size()).1;
            outcome.err().map(|error| error.affected().to_vec()).unwrap_or_default()
        };
        let (forward, by_index) = (affected(Way::Pipe), affected(Way::File));
        same += usize::from(!forward.is_empty() && forward == by_index);
        if forward != by_index {
            other.push(vector.name.clone());
        }
    }
    assert_eq!(other, OTHER_FAULT_BY_INDEX);
    assert!(same > 50, "only {same} vectors name affected ranges");
}

/// Runs the program in little memory, with the archive on standard input through a pipe.
fn run(arguments: &[&str], folder: &Path, bytes: &[u8]) -> Output {
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY_KIB} && exec \"$@\""), "sh", env!("CARGO_BIN_EXE_blocktar")])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A reader that refuses early does not take all of it.
    let _ = stdin.write_all(bytes);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn check_command(vector: &Vector, what: &str, arguments: &[&str], folder: &Path) {
    let output = run(arguments, folder, &vector.bytes);
    let spoken = [&output.stdout[..], &output.stderr[..]].concat();
    let spoken = String::from_utf8_lossy(&spoken);
    let code = i64::from(output.status.code().unwrap_or_else(|| panic!("{}: {what} died: {spoken}", vector.name)));
    assert!(vector.codes(what).contains(&code), "{}: {arguments:?} came to {code}: {spoken}", vector.name);
    let by_index = arguments.contains(&"-i");
    assert!(by_index || spoken.contains(vector.says()), "{}: {arguments:?} says: {spoken}", vector.name);
}

#[test]
fn the_commands_come_to_every_outcome_in_bounded_memory() {
    for vector in vector::all() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("a.tar"), &vector.bytes[..]).unwrap();
        check_command(&vector, "verify", &["verify", "a.tar", "--threads", "2"], folder);
        check_command(&vector, "verify", &["verify", "-", "--threads", "2"], folder);
        for arguments in [&["list", "a.tar"][..], &["list", "-"], &["info", "a.tar"]] {
            let code = run(arguments, folder, &vector.bytes).status.code();
            assert!(code.is_some_and(|code| code <= 8), "{}: {arguments:?} came to {code:?}", vector.name);
        }
        if vector.codes("restore").is_empty() {
            continue;
        }
        let image = folder.join("new.img");
        for source in [&["-i", "a.tar"][..], &[]] {
            let arguments = [&["restore", "--threads", "2", "new.img"], source].concat();
            check_command(&vector, "restore", &arguments, folder);
            assert_eq!(image.exists(), vector.restores(), "{}: {arguments:?}", vector.name);
            if image.exists() {
                vector.check_image("command", &std::fs::read(&image).unwrap(), 0);
                std::fs::remove_file(&image).unwrap();
            }
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "{}: a restore left something behind", vector.name);
    }
}
