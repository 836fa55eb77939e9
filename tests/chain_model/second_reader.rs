//! Restores a chain by the reader that was written from the specification alone.

use std::path::Path;
use std::process::Command;

/// The image that these archives leave behind, oldest first.
pub fn restored(archives: &[&[u8]]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("new.img");
    let mut command = Command::new("python3");
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/second_reader.py"));
    command.arg("--chain").arg(&image);
    for (number, archive) in archives.iter().enumerate() {
        let path = folder.path().join(format!("{number}.tar"));
        std::fs::write(&path, archive).unwrap();
        command.arg(path);
    }
    let output = command.output().expect("python3 must be there: apt-get install python3");
    assert!([Some(0), Some(8)].contains(&output.status.code()), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(image).unwrap()
}
