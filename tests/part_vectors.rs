//! What comes of the specification's parts that lie beside each other: by each way of reading in the library, and by the commands.

mod archives;
mod place;
mod support;
mod vector;

use archives::{MemoryInput, Way, code};
use blocktar::archive::{Inputs, OpenArchive, OpenOptions};
use blocktar::progress::Progress;
use blocktar::restore::{RestoreRequest, restore};
use blocktar::target::memory::Memory;
use blocktar::verify::verify;
use place::{Place, text};
use vector::{Vector, sets};

fn inputs(parts: &[Vector], way: Way) -> Inputs {
    Inputs::all(parts.iter().map(|part| MemoryInput::boxed(&part.bytes, way)).collect()).unwrap()
}

#[test]
fn the_library_comes_to_every_outcome_of_parts() {
    for set in sets() {
        let (name, parts) = (&set.whole.name, &set.parts);
        for way in [Way::Pipe, Way::File] {
            let report = verify(inputs(parts, way), 2, &Progress::default()).unwrap();
            let said: Vec<_> = report.faults.iter().map(|fault| fault.error.to_string()).collect();
            let worst = report.faults.iter().map(|fault| code(&fault.error)).max().unwrap_or(0);
            assert!(set.whole.codes("verify").contains(&worst), "{name}: verify by {way:?} came to {worst}: {said:?}");
            let says = set.whole.says();
            assert!(says.is_empty() || said.iter().any(|said| said.contains(says)), "{name}, {way:?}: {said:?}");

            let mut target = Memory::new(vec![0xff; set.whole.size()]);
            let outcome = OpenArchive::open(inputs(parts, way), &OpenOptions::default()).and_then(|archive| {
                let request = RestoreRequest { threads: 2, ..RestoreRequest::default() };
                restore(archive, &mut target, &request, &Progress::default()).map_err(|failure| failure.error)
            });
            let found = outcome.as_ref().map_or_else(code, |_| 0);
            assert!(set.whole.codes("restore").contains(&found), "{name}: restore by {way:?}: {:?}", outcome.err());
            match outcome {
                Ok(_) => set.whole.check_image(&format!("{way:?}"), target.bytes(), 0xff),
                Err(error) => assert!(error.to_string().contains(says), "{name}, {way:?}: {error}"),
            }
        }
    }
}

#[test]
fn the_commands_come_to_every_outcome_of_parts() {
    let mut refused = 0;
    for set in sets() {
        let place = Place::new();
        let files = set.write(&place.path(""));
        let options: Vec<_> = files.iter().map(|file| format!("-i {file}")).collect();
        let lines = [
            ("verify", format!("blocktar verify {}", files.join(" "))),
            ("restore", format!("blocktar restore {} new.img", options.join(" "))),
        ];
        for (what, line) in lines {
            let output = place.shell(&line);
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            let code = i64::from(output.status.code().unwrap());
            assert!(set.whole.codes(what).contains(&code), "{}: {line} came to {code}: {said}", set.whole.name);
            assert!(said.contains(set.whole.says()), "{}: {line} says {said}", set.whole.name);
            refused += u32::from(code != 0);
        }
        assert_eq!(place.path("new.img").exists(), set.whole.restores(), "{}", set.whole.name);
        if set.whole.restores() {
            set.whole.check_image("command", &std::fs::read(place.path("new.img")).unwrap(), 0);
        }
    }
    assert!(refused > 30, "{refused}");
}
