//! Every command reads an archive that lies in several files.

mod place;
mod support;

use std::fs;

use place::{Place, text};

const SIZE: usize = 3_000_000;

/// An image, and an archive of it in at least three files, `p-001.tar` and so on.
fn with_parts() -> (Place, Vec<u8>, Vec<String>) {
    let place = Place::new();
    let mut image: Vec<u8> = (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 41) as u8).collect();
    image[700_000..1_200_000].fill(0);
    fs::write(place.path("web.img"), &image).unwrap();
    let line = "blocktar backup web.img -o 'p-%03d.tar' --part-size 1200K --compression none --extent-limit 64K --record-size 512";
    let output = place.shell(line);
    assert!(output.status.success(), "{output:?}");
    let parts: Vec<_> =
        (1..10).map(|number| format!("p-{number:03}.tar")).filter(|part| place.path(part).exists()).collect();
    assert!(parts.len() >= 3, "{parts:?}");
    (place, image, parts)
}

/// Runs a line, and expects this exit code and these words.
fn says(place: &Place, line: &str, code: i32, words: &[&str]) {
    let output = place.shell(line);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    words.iter().for_each(|word| assert!(said.contains(word), "{line}: `{word}` is not in:\n{said}"));
}

#[test]
fn all_parts_are_restored_by_their_pattern_and_in_any_order() {
    let (place, image, parts) = with_parts();
    let backwards: Vec<_> = parts.iter().rev().map(|part| format!("-i {part}")).collect();
    for (name, line) in [
        ("pattern", "blocktar restore -i 'p-%03d.tar' new.img".to_owned()),
        ("backwards", format!("blocktar restore {} new.img", backwards.join(" "))),
        ("next", "blocktar restore -i p-001.tar new.img --next-medium 'printf p-%03d.tar $BLOCKTAR_PART'".to_owned()),
        (
            "pipe",
            "cat p-001.tar | blocktar restore new.img --next-medium 'printf p-%03d.tar $BLOCKTAR_PART'".to_owned(),
        ),
    ] {
        says(&place, &line, 0, &["restored new.img"]);
        assert!(fs::read(place.path("new.img")).unwrap() == image, "{name}: other bytes");
        fs::remove_file(place.path("new.img")).unwrap();
    }
}

#[test]
fn a_missing_part_is_named_and_leaves_no_image() {
    let (place, _, parts) = with_parts();
    fs::rename(place.path("p-002.tar"), place.path("away")).unwrap();
    says(&place, "blocktar restore -i 'p-%03d.tar' new.img", 4, &["part 2", "not given", "--single-part"]);
    assert!(!place.path("new.img").exists());
    says(
        &place,
        "blocktar verify p-*.tar",
        4,
        &["part 1: sound, p-001.tar", "part 3: sound, p-003.tar", "part 2 of it was not given", "affected"],
    );
    says(&place, "blocktar verify p-001.tar", 4, &["part 1: sound", "part 2, which was not given"]);
    let last = &parts[parts.len() - 1];
    says(&place, &format!("blocktar verify {last}"), 4, &[&format!("part {}: sound", parts.len()), "not given"]);
    says(&place, "blocktar restore -i p-001.tar new.img", 4, &["part 2"]);
    says(&place, "blocktar compare p-001.tar web.img", 4, &["part 2"]);
    says(&place, "blocktar restore -i p-001.tar -i p-001.tar new.img", 6, &["both are part 1"]);
    says(&place, "blocktar restore -i 'q-%03d.tar' new.img", 3, &["no file with a number"]);
}

#[test]
fn every_command_reads_all_parts() {
    let (place, image, _) = with_parts();
    says(&place, "blocktar verify 'p-%03d.tar'", 0, &["sound", "part 1: sound", "part 3: sound"]);
    says(&place, "blocktar compare p-*.tar web.img", 0, &["web.img equals"]);
    says(&place, "blocktar info 'p-%03d.tar'", 0, &["complete"]);
    says(&place, "blocktar list 'p-%03d.tar'", 0, &["part 1 of ", "p-003.tar"]);
    says(&place, "blocktar list 'q-%03d.tar' p-*.tar", 3, &["no file with a number", "part 1 of "]);
    says(&place, "blocktar recompress p-*.tar -o one.tar --verify", 0, &["recompressed", "sound"]);
    says(&place, "blocktar restore -i one.tar one.img", 0, &[]);
    assert!(fs::read(place.path("one.img")).unwrap() == image);
    for (offset, length) in [(0, SIZE), (1_100_000, 1_500_000), (2_999_999, 1), (650_000, 600_000)] {
        let line = format!("blocktar extract 'p-%03d.tar' --offset {offset} --length {length}");
        let output = place.shell(&line);
        assert!(output.status.success() && output.stdout == image[offset..offset + length], "{line}");
    }
}

#[test]
fn a_single_part_is_restored_into_what_is_there_and_nothing_else_is_touched() {
    let (place, image, parts) = with_parts();
    says(&place, "blocktar restore -i p-002.tar new.img --single-part", 6, &["does not exist", "truncate -s"]);
    fs::write(place.path("new.img"), vec![0xee; SIZE]).unwrap();
    says(
        &place,
        "blocktar restore -i p-002.tar new.img --single-part",
        0,
        &["this was part 2 alone", "left as they are"],
    );
    let restored = fs::read(place.path("new.img")).unwrap();
    let changed = restored.iter().position(|byte| *byte != 0xee).unwrap();
    let end = restored.iter().rposition(|byte| *byte != 0xee).unwrap() + 1;
    assert!(changed > 0 && end < SIZE && restored[changed..end] == image[changed..end], "{changed} {end}");
    for part in &parts {
        says(&place, &format!("blocktar restore -i {part} new.img --single-part"), 0, &[]);
    }
    assert!(fs::read(place.path("new.img")).unwrap() == image);
    let output = place.run(&format!("extract p-002.tar --offset {changed} --length 4096"));
    assert!(output.status.success() && output.stdout == image[changed..changed + 4096], "{output:?}");
    says(&place, "blocktar extract p-002.tar --length 4096", 4, &["part 1 of it was not given"]);
}

#[test]
fn a_folder_shows_which_parts_it_has() {
    let (place, _, parts) = with_parts();
    let count = parts.len();
    says(&place, "blocktar list .", 0, &[&format!("part 1 of {count}"), &format!("part {count} of {count}")]);
    fs::remove_file(place.path("p-002.tar")).unwrap();
    says(&place, "blocktar list .", 4, &["part 1, others missing", "part 3, others missing"]);
}

#[test]
fn verify_says_which_parts_it_saw_and_which_not() {
    let (place, _, parts) = with_parts();
    let all = parts.len();
    says(&place, "blocktar verify p-002.tar", 4, &["p-002.tar: part 2 sound, parts 1 and 3 not seen\n"]);
    says(&place, "blocktar verify p-001.tar", 4, &["p-001.tar: part 1 sound, part 2 not seen\n"]);
    let last = &parts[all - 1];
    let before = if all == 3 { "parts 1 and 2".to_owned() } else { format!("parts 1 to {}", all - 1) };
    says(&place, &format!("blocktar verify {last}"), 4, &[&format!("{last}: part {all} sound, {before} not seen\n")]);
    fs::rename(place.path("p-002.tar"), place.path("away")).unwrap();
    says(&place, "blocktar verify p-001.tar p-003.tar", 4, &["parts 1 and 3 sound, part 2"]);
    // A part that is not sound is never passed off as one that is.
    let mut spoilt = fs::read(place.path("away")).unwrap();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 1;
    fs::write(place.path("p-002.tar"), spoilt).unwrap();
    says(&place, "blocktar verify p-002.tar", 5, &["p-002.tar: 2 faults", "part 2: not sound"]);
}

/// Each of them is sound in itself, and none of them is of use beside the others.
#[test]
fn parts_that_are_too_many_or_of_another_cutting_are_named() {
    let (place, _, parts) = with_parts();
    let all = parts.len();
    says(&place, "blocktar reblock 'p-%03d.tar' -o 'q-%d.tar' --part-size 600K", 0, &[]);
    says(&place, "blocktar reblock 'p-%03d.tar' -o whole.tar", 0, &[]);
    let named = format!("q-{}.tar says that it is part {}, and the archive ends with part", all + 1, all + 1);
    says(&place, &format!("blocktar verify p-*.tar q-{}.tar", all + 1), 5, &[&named, "part 1: sound", "part 3: sound"]);
    let mixed: Vec<_> = parts.iter().map(|part| format!("-i {part}")).collect();
    let line = format!("blocktar restore {} -i q-{}.tar new.img", mixed.join(" "), all + 1);
    says(&place, &line, 5, &[&named]);
    says(
        &place,
        "blocktar verify whole.tar p-002.tar",
        5,
        &["p-002.tar says that it is part 2, and the archive ends with part 1"],
    );
    says(&place, "blocktar restore -i whole.tar -i p-002.tar new.img", 5, &["the archive ends with part 1"]);
    let cut = ["q-2.tar", "it was cut differently: part 2 begins at byte", "but part 1 ends at byte"];
    says(&place, "blocktar verify p-001.tar q-2.tar p-003.tar", 5, &cut);
    says(&place, "blocktar restore -i p-001.tar -i q-2.tar -i p-003.tar new.img", 5, &cut);
    assert!(!place.path("new.img").exists());
    fs::copy(place.path("p-002.tar"), place.path("again.tar")).unwrap();
    says(&place, "blocktar verify p-*.tar again.tar", 6, &["both are part 2: p-002.tar and again.tar"]);
    fs::write(place.path("old.img"), vec![0xee; SIZE]).unwrap();
    says(&place, "blocktar restore -i p-001.tar -i p-002.tar --single-part old.img", 6, &["p-002.tar was given, too"]);
}

/// What lies on cartridges is asked for as what lies in files: in order, and nothing that is not needed.
#[test]
fn extract_asks_only_for_the_parts_that_hold_the_range() {
    let (place, image, parts) = with_parts();
    let last = parts.len();
    let bring = "'echo $BLOCKTAR_PART $BLOCKTAR_REASON $BLOCKTAR_DIRECTION >> notes; printf p-%03d.tar $BLOCKTAR_PART'";
    let read_from = |first: &str, offset: usize, length: usize, notes: &[usize]| {
        let line = format!("blocktar extract {first} --offset {offset} --length {length} --next-medium {bring}");
        let output = place.shell(&line);
        assert!(output.status.success() && output.stdout == image[offset..offset + length], "{line}: {output:?}");
        let asked = fs::read_to_string(place.path("notes")).unwrap_or_default();
        let _ = fs::remove_file(place.path("notes"));
        let expected: String = notes.iter().map(|part| format!("{part} next read\n")).collect();
        assert_eq!(asked, expected, "{line}");
        text(&output.stderr)
    };
    read_from("p-001.tar", 0, 4096, &[]);
    read_from("p-002.tar", 1_700_000, 4096, &[]);
    let all: Vec<_> = (2..=last).collect();
    let said = read_from("p-001.tar", 5, SIZE - 5, &all);
    assert!(said.contains("this was read from parts 1, 2 and 3"), "{said}");
    read_from("p-001.tar", SIZE - 10, 10, &all);
    let back: Vec<_> = (1..last).rev().chain(2..=last).collect();
    read_from(&parts[last - 1], 5, SIZE - 5, &back);
    // A part that is cut otherwise is not taken for a neighbour.
    says(&place, "blocktar reblock 'p-%03d.tar' -o 'q-%03d.tar' --part-size 600K", 0, &[]);
    let other = "blocktar extract p-001.tar --next-medium 'echo q-002.tar' | cat > bytes; exit ${PIPESTATUS[0]}";
    says(&place, other, 5, &["part 2 does not go on where part 1 ends"]);
    let bytes = fs::read(place.path("bytes")).unwrap();
    assert!(image.starts_with(&bytes));
    says(
        &place,
        "blocktar extract p-001.tar --next-medium 'exit 7' | cat; exit ${PIPESTATUS[0]}",
        3,
        &["exit status: 7"],
    );
}
