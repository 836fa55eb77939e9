//! The second reader, written from the specification alone, comes to the same outcomes, and reads what the program writes.

mod support;
mod vector;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::Chance;
use vector::Vector;

/// Its exit code, and what it says.
fn second_reader(arguments: &[&Path]) -> (i64, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/second_reader.py");
    let output = Command::new("python3").arg("-B").arg(script).args(arguments).output();
    let output = output.expect("python3 must be there: apt-get install python3");
    let spoken = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!spoken.contains("Traceback"), "{spoken}");
    (output.status.code().unwrap().into(), spoken)
}

#[test]
fn the_second_reader_comes_to_every_outcome() {
    let vectors = vector::all();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    std::thread::scope(|scope| {
        for share in vectors.chunks(vectors.len().div_ceil(cores)) {
            scope.spawn(|| share.iter().for_each(comes_to_its_outcome));
        }
    });
    println!("{} vectors", vectors.len());
}

fn comes_to_its_outcome(vector: &Vector) {
    let name = &vector.name;
    let folder = tempfile::tempdir().unwrap();
    let (archive, image) = (folder.path().join("a.tar"), folder.path().join("new.img"));
    std::fs::write(&archive, &vector.bytes[..]).unwrap();
    let (code, spoken) = second_reader(&[&archive]);
    assert!(vector.codes("verify").contains(&code), "{name}: verify came to {code}: {spoken}");
    let expected = vector.codes("restore");
    if expected.is_empty() {
        return;
    }
    let (code, spoken) = second_reader(&[&archive, &image]);
    assert!(expected.contains(&code), "{name}: restore came to {code}: {spoken}");
    assert_eq!(image.exists(), [0, 8].contains(&code), "{name}");
    if image.exists() {
        vector.check_image("second reader", &std::fs::read(&image).unwrap(), 0);
        std::fs::remove_file(&image).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: something was left behind");
}

/// An image with holes, zeros that are written out, and an end that is a multiple of nothing.
fn an_image(folder: &Path) -> (PathBuf, Vec<u8>) {
    let mut chance = Chance::new();
    let mut bytes = chance.bytes(1_500_003);
    bytes[400_000..900_000].fill(0);
    let path = folder.join("disk.img");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (place, chunk) in bytes.chunks(4096).enumerate().filter(|(_, chunk)| chunk.iter().any(|byte| *byte != 0)) {
        std::os::unix::fs::FileExt::write_all_at(&file, chunk, place as u64 * 4096).unwrap();
    }
    (path, bytes)
}

#[test]
fn the_second_reader_reads_what_the_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, bytes) = an_image(folder.path());
    std::fs::write(folder.path().join("note"), "attached").unwrap();
    let lines = [
        "--compression none",
        "--compression zstd:19 --digest blake3 --extent-limit 64K",
        "--digest sha256 --extent-limit 128K --attach note --name disk --meta a=1 --meta b=\u{fc}",
        "--compression none --digest blake3 --record-size 512",
    ];
    for (number, line) in lines.into_iter().enumerate() {
        let (archive, image) = (folder.path().join(format!("{number}.tar")), folder.path().join("new.img"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        command.arg("backup").arg(&disk).arg("-o").arg(&archive).args(line.split(' ')).current_dir(folder.path());
        assert!(command.output().unwrap().status.success(), "{line}");
        let other = folder.path().join("other.tar");
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        let changes = lines[(number + 1) % lines.len()].split(" --attach").next().unwrap();
        command.arg("recompress").arg(&archive).args(["--overwrite", "-o"]).arg(&other).args(changes.split(' '));
        assert!(command.output().unwrap().status.success(), "{line}, then {changes}");
        for archive in [archive, other] {
            let (code, spoken) = second_reader(&[&archive, &image]);
            assert_eq!(code, 0, "{line}: {spoken}");
            assert!(std::fs::read(&image).unwrap() == bytes, "{line}: other bytes came back");
            std::fs::remove_file(&image).unwrap();
        }
    }
}

/// Reads all parts with the second reader, in this order.
fn of_parts(folder: &Path, image: &Path, parts: &[String]) -> (i64, String) {
    let parts: Vec<_> = parts.iter().map(|part| folder.join(part)).collect();
    let mut arguments = vec![parts[0].as_path(), image];
    arguments.extend(parts[1..].iter().map(PathBuf::as_path));
    second_reader(&arguments)
}

#[test]
fn the_second_reader_comes_to_every_outcome_of_parts() {
    for set in vector::sets() {
        let (whole, folder) = (&set.whole, tempfile::tempdir().unwrap());
        let (parts, image) = (set.write(folder.path()), folder.path().join("new.img"));
        for (what, target) in [("verify", Path::new("")), ("restore", &image)] {
            let (code, spoken) = of_parts(folder.path(), target, &parts);
            assert!(whole.codes(what).contains(&code), "{}: {what} came to {code}: {spoken}", whole.name);
        }
        assert_eq!(image.exists(), whole.restores(), "{}", whole.name);
        if image.exists() {
            whole.check_image("second reader", &std::fs::read(&image).unwrap(), 0);
        }
    }
}

#[test]
fn the_second_reader_reads_the_parts_that_the_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, bytes) = an_image(folder.path());
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
        let output = command.args(line.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    };
    let disk = disk.display();
    run(&format!("backup {disk} -o a-%d.tar --part-size 500K --compression none --extent-limit 64K --record-size 512"));
    run(&format!("backup {disk} -o b-%d.tar --part-size 250K --digest blake3 --extent-limit 64K"));
    // The same archive, cut otherwise.
    run("reblock a-%d.tar -o c-%d.tar --part-size 300K");
    for name in ["a", "b", "c"] {
        let all = (1..20).map(|number| format!("{name}-{number}.tar"));
        let mut parts: Vec<_> = all.filter(|part| folder.path().join(part).exists()).collect();
        assert!(parts.len() >= 3, "{parts:?}");
        let image = folder.path().join(format!("{name}.img"));
        let (code, spoken) = of_parts(folder.path(), &image, &parts);
        assert!(code == 0 && std::fs::read(&image).unwrap() == bytes, "{name}: {code}, {spoken}");
        parts.reverse();
        assert_eq!(of_parts(folder.path(), Path::new(""), &parts).0, 0, "{name}, backwards");
        parts.pop();
        assert_eq!(of_parts(folder.path(), Path::new(""), &parts).0, 4, "{name}, without the first");
    }
    let mixed = ["a-1.tar", "c-2.tar"].map(str::to_owned);
    assert_eq!(of_parts(folder.path(), Path::new(""), &mixed).0, 5, "parts of two cuttings");
}
