//! Increments from the command line: what changed since archives that are named or found, and what is refused before anything is written.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{Chance, names};
use tempfile::TempDir;

/// A folder with a disk image, in which commands run.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write(&Chance::from_seed(3).bytes(1_500_001));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn disk(&self) -> Vec<u8> {
        fs::read(self.path("disk.img")).unwrap()
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.path("disk.img"), bytes).unwrap();
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.disk();
        change(&mut bytes);
        self.write(&bytes);
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        command.current_dir(self.0.path()).args(line.split(' ')).output().unwrap()
    }

    /// A backup that succeeds: what it says, and its summary.
    fn backup(&self, line: &str) -> (String, Value) {
        let limit = if line.contains("--extent-limit") { "" } else { " --extent-limit 64K" };
        let output = self.run(&format!("backup disk.img --json{limit} {line}"));
        let spoken = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {spoken}");
        (spoken, serde_json::from_slice(&output.stdout).unwrap())
    }

    /// What a backup that is refused with this code says; it leaves nothing behind.
    fn refused(&self, code: i32, line: &str) -> String {
        let before = names(self.0.path());
        let output = self.run(&format!("backup disk.img {line} -o refused.tar"));
        let spoken = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {spoken}");
        assert_eq!(names(self.0.path()), before, "{line}");
        spoken
    }

    /// Restores a chain as RESTORE.txt tells, with tar, zstd and dd alone.
    fn restored_by_stock_tools(&self, archives: &[&str]) -> Vec<u8> {
        let _ = fs::remove_file(self.path("stock.img"));
        for archive in archives {
            let script = format!(
                "tar -x -O -f {archive} --occurrence=1 --wildcards '*/RESTORE.txt' | sed -n 's/^    //p' > restore.sh && \
                 tar -x -f {archive} --to-command='sh restore.sh stock.img'"
            );
            let output =
                Command::new("bash").args(["-e", "-o", "pipefail", "-c", &script]).current_dir(self.0.path()).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{archive}: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::read(self.path("stock.img")).unwrap()
    }

    /// Restores a chain by the second reader.
    fn restored_by_second_reader(&self, archives: &[&str]) -> Vec<u8> {
        let _ = fs::remove_file(self.path("second.img"));
        let mut command = Command::new("python3");
        command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/second_reader.py"));
        let output =
            command.args(["--chain", "second.img"]).args(archives).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(self.path("second.img")).unwrap()
    }

    /// Restores a chain, of which the newest archive is named first.
    fn restored(&self, archives: &[&str]) -> Vec<u8> {
        let _ = fs::remove_file(self.path("restored.img"));
        let inputs: Vec<_> = archives.iter().rev().map(|archive| format!("-i {archive}")).collect();
        let output = self.run(&format!("restore {} restored.img --read-back", inputs.join(" ")));
        assert!(output.status.success(), "{archives:?}: {}", String::from_utf8_lossy(&output.stderr));
        fs::read(self.path("restored.img")).unwrap()
    }

    /// Restores the newest archive onto what those before it leave, held against all of them first.
    fn restored_onto_parent(&self, archives: &[&str]) -> Vec<u8> {
        let (newest, older) = archives.split_last().unwrap();
        self.restored(older);
        let parents: Vec<_> = older.iter().map(|archive| format!("--check-parent {archive}")).collect();
        let output = self.run(&format!("restore -i {newest} --onto-parent {} restored.img", parents.join(" ")));
        let spoken = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !spoken.contains("warning"), "{archives:?}: {spoken}");
        fs::read(self.path("restored.img")).unwrap()
    }

    fn comes_back(&self, archives: &[&str]) {
        let disk = self.disk();
        assert!(self.restored(archives) == disk, "{archives:?}: other bytes by blocktar");
        assert!(self.restored_onto_parent(archives) == disk, "{archives:?}: other bytes onto the parent");
        assert!(self.restored_by_stock_tools(archives) == disk, "{archives:?}: other bytes by tar, zstd and dd");
        assert!(self.restored_by_second_reader(archives) == disk, "{archives:?}: other bytes by the second reader");
    }
}

#[test]
fn an_increment_holds_what_changed_and_nothing_else() {
    let place = Place::new();
    place.backup("-o full.tar");
    let (spoken, unchanged) = place.backup("--since full.tar -o same.tar");
    assert!(spoken.contains("by digests") && spoken.contains("full.tar") && spoken.contains("unchanged"), "{spoken}");
    assert_eq!((&unchanged["end"]["data_bytes"], &unchanged["end"]["zero_bytes"]), (&0.into(), &0.into()));
    assert_eq!(unchanged["unchanged_bytes"], 1_500_001);
    assert_eq!((&unchanged["info"]["changes"], &unchanged["info"]["kind"]), (&"digest".into(), &"increment".into()));
    assert_eq!(unchanged["info"]["parent"]["state"], unchanged["since"]["state"]);
    assert_eq!(unchanged["info"]["samples"].as_array().unwrap().len(), 16);

    place.change(|disk| disk[700_000] ^= 1);
    let (_, changed) = place.backup("--since full.tar -o one.tar --audit 3 --extent-limit 1M");
    let data_bytes = changed["end"]["data_bytes"].as_u64().unwrap();
    assert!((1..=64 << 10).contains(&data_bytes) && changed["end"]["data_members"] == 1, "{changed}");
    assert_eq!(changed["info"]["samples"].as_array().unwrap().len(), 3);
    place.comes_back(&["full.tar", "one.tar"]);
}

#[test]
fn increments_build_on_increments_and_zeros_growth_and_shrinkage_come_back() {
    let place = Place::new();
    place.backup("-o full.tar --digest blake3 --compression none");
    place.change(|disk| disk[65_536..393_216].fill(0));
    let (_, zeroed) = place.backup("--since full.tar -o 1.tar");
    assert_eq!((&zeroed["info"]["digest"], &zeroed["end"]["data_bytes"]), (&"blake3".into(), &0.into()));
    place.comes_back(&["full.tar", "1.tar"]);
    place.change(|disk| disk.extend(Chance::from_seed(4).bytes(500_000)));
    place.change(|disk| disk.extend([0; 300_000]));
    place.backup("--since 1.tar --since full.tar -o 2.tar --digest sha256");
    place.comes_back(&["full.tar", "1.tar", "2.tar"]);
    place.change(|disk| disk.truncate(900_000));
    let (_, shrunk) = place.backup("--since full.tar --since 2.tar --since 1.tar -o 3.tar");
    assert!(shrunk["end"]["data_bytes"].as_u64().unwrap() <= 64 << 10, "{shrunk}");
    place.comes_back(&["full.tar", "1.tar", "2.tar", "3.tar"]);
}

#[test]
fn a_folder_gives_the_newest_chain_of_the_device() {
    let place = Place::new();
    fs::create_dir(place.path("archives")).unwrap();
    let spoken = place.refused(6, "--since archives");
    assert!(spoken.contains("no complete archive of disk.img") && spoken.contains("--if-untracked full"), "{spoken}");
    let line = "--since archives --if-untracked full";
    let (spoken, first) = place.backup(&format!("{line} -o archives/1.tar"));
    assert!(spoken.contains("writing a full") && first["info"]["kind"] == "full", "{spoken}");
    place.change(|disk| disk[1_000_000] ^= 1);
    let (spoken, second) = place.backup(&format!("{line} -o archives/2.tar"));
    assert!(spoken.contains("archives/1.tar") && second["info"]["parent"]["id"] == first["info"]["id"], "{spoken}");
    place.change(|disk| disk[..400_000].iter_mut().for_each(|byte| *byte ^= 1));
    // In parts, which are one archive.
    let (_, third) = place.backup(&format!("{line} --part-size 128K --compression none -o archives/3-%03d.tar"));
    assert_eq!(third["info"]["parent"]["id"], second["info"]["id"]);
    // Another device and a broken archive do not count.
    fs::copy(place.path("disk.img"), place.path("other.img")).unwrap();
    assert!(place.run("backup other.img -o archives/other.tar").status.success());
    fs::write(place.path("archives/cut.tar"), &fs::read(place.path("archives/2.tar")).unwrap()[..9000]).unwrap();
    place.change(|disk| disk[1] ^= 1);
    let (spoken, fourth) = place.backup(&format!("{line} -o archives/4.tar"));
    assert_eq!(fourth["info"]["parent"]["id"], third["info"]["id"], "{spoken}");
    assert!(spoken.contains("cut.tar: passed over, as it is incomplete"), "{spoken}");
    let mut chain = vec!["archives/1.tar", "archives/2.tar"];
    let parts: Vec<_> = names(&place.path("archives")).into_iter().filter(|name| name.starts_with("3-")).collect();
    let parts: Vec<_> = parts.iter().map(|name| format!("archives/{name}")).collect();
    assert!(parts.len() > 2, "{parts:?}");
    chain.extend(parts.iter().map(String::as_str));
    chain.push("archives/4.tar");
    assert!(place.restored_by_stock_tools(&chain) == place.disk(), "other bytes by tar, zstd and dd");
    // Copies stand for what they were made from.
    fs::create_dir(place.path("archives/copies")).unwrap();
    for name in names(&place.path("archives")).iter().filter(|name| !name.starts_with("copies")) {
        fs::copy(place.path(&format!("archives/{name}")), place.path(&format!("archives/copies/{name}"))).unwrap();
    }
    let (spoken, fifth) = place.backup(&format!("{line} -o 5.tar"));
    assert_eq!(fifth["info"]["parent"]["id"], fourth["info"]["id"], "{spoken}");
    fs::remove_dir_all(place.path("archives/copies")).unwrap();
    let chain = ["archives/4.tar", "archives/3-%03d.tar", "archives/2.tar", "archives/1.tar"];
    assert!(place.restored(&chain) == place.disk(), "other bytes by blocktar");

    // Now two increments build on one archive.
    place.backup("--since archives/1.tar --since archives/2.tar -o archives/fork.tar");
    assert!(place.refused(7, "--since archives").contains("not certain which is meant"));
}

/// Both are shown as one name.
#[test]
fn archives_in_a_folder_may_have_names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let folder = place.path("archives");
    fs::create_dir(&folder).unwrap();
    for name in [b"\xff.tar", b"\xfe.tar"] {
        let (_, made) = place.backup("--since archives --if-untracked full -o new.tar");
        assert_eq!(made["info"]["kind"] == "full", fs::read_dir(&folder).unwrap().next().is_none());
        fs::rename(place.path("new.tar"), folder.join(std::ffi::OsStr::from_bytes(name))).unwrap();
        place.change(|disk| disk[7] ^= 1);
    }
    let (spoken, third) = place.backup("--since archives -o 3.tar");
    assert!(third["since"]["archives"].as_array().unwrap().len() == 2, "{spoken}");
}

#[test]
fn what_cannot_be_built_on_is_refused_before_anything_is_written() {
    let place = Place::new();
    place.backup("-o full.tar");
    place.change(|disk| disk[5] ^= 1);
    place.backup("--since full.tar -o 1.tar");
    let full = fs::read(place.path("full.tar")).unwrap();
    fs::write(place.path("cut.tar"), &full[..full.len() / 2]).unwrap();
    let mut damaged = full.clone();
    let index = full.windows(24).rposition(|window| window == b"/index/00000000.jsonl.zs").unwrap();
    damaged[index + 800] ^= 1;
    fs::write(place.path("damaged.tar"), &damaged).unwrap();
    fs::write(place.path("stranger.tar"), [7; 4096]).unwrap();
    assert!(place.refused(4, "--since cut.tar").contains("incomplete"));
    assert!(place.refused(5, "--since damaged.tar").contains("damaged"));
    place.refused(5, "--since stranger.tar");
    place.refused(3, "--since nowhere.tar");
    assert!(place.refused(7, "--since 1.tar").contains("holds only what changed since"));
    assert!(place.refused(6, "--since full.tar --since 1.tar --since full.tar").contains("once"));
    assert!(place.refused(6, "--since -").contains("standard input"));
    // A pipe by another name can be read once, and only to its end.
    let line = format!("{} backup disk.img --since <(cat full.tar) -o refused.tar", env!("CARGO_BIN_EXE_blocktar"));
    let output = Command::new("bash").args(["-c", &line]).current_dir(place.0.path()).output().unwrap();
    let spoken = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(6) && spoken.contains("cannot be read here and there"), "{spoken}");
    assert!(place.refused(6, "--since full.tar --if-untracked fail").contains("keeps track"));
    fs::create_dir(place.path("folder")).unwrap();
    assert!(place.refused(6, "--since folder --since full.tar").contains("folder alone"));
    place.refused(2, "--audit 3");
    place.refused(2, "--since full.tar --audit 257");

    let output = place.run("backup disk.img --since full.tar --overwrite -o full.tar");
    let spoken = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(6) && spoken.contains("on which it builds"), "{spoken}");
    assert!(fs::read(place.path("full.tar")).unwrap() == full);
}
