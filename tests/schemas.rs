//! The JSON Schemas accept every text of the sound vectors, and nothing that lacks a key or has a wrong one.

mod vector;

use std::path::Path;
use std::process::Command;

#[test]
fn the_schemas_fit_the_sound_vectors() {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("format-spec");
    let vectors = std::fs::read_dir(spec.join("vectors")).unwrap().map(|entry| entry.unwrap().path());
    // Broken vectors are stored compressed.
    let mut sound: Vec<_> =
        vectors.filter(|path| path.extension().is_some_and(|extension| extension == "tar")).collect();
    assert!(sound.len() > 20, "the vectors are there");
    // A label is no archive, and therefore among those.
    let label = vector::all().into_iter().find(|vector| vector.name == "label_of_medium").unwrap();
    let folder = tempfile::tempdir().unwrap();
    sound.push(folder.path().join("label.tar"));
    std::fs::write(sound.last().unwrap(), &label.bytes[..]).unwrap();
    // Debian's Python, for which Debian's package of jsonschema is.
    let output = Command::new("/usr/bin/python3").arg(spec.join("schema/check.py")).args(&sound).output();
    let output = output.expect("/usr/bin/python3 must be there: apt-get install python3 python3-jsonschema");
    let spoken = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{spoken}(it needs apt-get install python3-jsonschema)");
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
}
