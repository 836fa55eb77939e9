use super::*;
use crate::extent::{Extent, ExtentKind};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::process::Command;

const BLOCK: u64 = 64 << 10;

fn data(start: u64, blocks: u64) -> Extent {
    Extent::data(start * BLOCK, blocks * BLOCK)
}

fn hole(start: u64, blocks: u64) -> Extent {
    Extent::hole(start * BLOCK, blocks * BLOCK)
}

fn extents(map: &ExtentMap) -> Vec<Extent> {
    map.iter().collect()
}

fn dump(blocks: u64, mappings: &str) -> String {
    format!(
        "<superblock uuid=\"\" time=\"1\" transaction=\"2\" flags=\"0\" version=\"2\" data_block_size=\"128\" nr_data_blocks=\"0\">\n  <device dev_id=\"2\" mapped_blocks=\"{blocks}\" transaction=\"0\" creation_time=\"0\" snap_time=\"1\">\n{mappings}  </device>\n</superblock>\n"
    )
}

fn delta(differences: &str) -> String {
    format!(
        "<superblock uuid=\"\" time=\"1\" transaction=\"2\" data_block_size=\"128\" nr_data_blocks=\"0\">\n  <diff left=\"1\" right=\"2\">\n{differences}  </diff>\n</superblock>\n"
    )
}

const IDS: ParentAndNow = ParentAndNow { parent: 1, now: 2 };

fn changes(text: &str, parent_blocks: u64, blocks: u64) -> io::Result<Vec<Extent>> {
    let sizes = ParentAndNow { parent: parent_blocks * BLOCK, now: blocks * BLOCK };
    read_changes(text.as_bytes(), IDS, sizes).map(|map| extents(&map))
}

#[test]
fn what_is_mapped_is_data_and_all_else_a_hole() {
    let text = dump(
        4,
        "<single_mapping origin_block=\"1\" data_block=\"9\" time=\"0\"/><range_mapping origin_begin=\"5\" data_begin=\"0\" length=\"3\" time=\"1\"/>\n",
    );
    let map = read_mapped(text.as_bytes(), 2, 7 * BLOCK + 512).unwrap();
    // The last block reaches over the volume's end.
    let last = Extent::data(5 * BLOCK, 2 * BLOCK + 512);
    assert_eq!(extents(&map), [hole(0, 1), data(1, 1), hole(2, 3), last]);
    assert_eq!(extents(&read_mapped(dump(0, "").as_bytes(), 2, BLOCK).unwrap()), [hole(0, 1)]);
}

#[test]
fn a_dump_that_says_something_else_is_no_answer() {
    let one = "<single_mapping origin_block=\"1\" data_block=\"9\" time=\"0\"/>";
    let two = "<range_mapping origin_begin=\"1\" data_begin=\"9\" length=\"2\" time=\"0\"/>";
    let huge = "<range_mapping origin_begin=\"1\" data_begin=\"9\" length=\"18446744073709551615\" time=\"0\"/>";
    for text in [
        dump(2, one),
        dump(1, two),
        dump(3, &format!("{two}{one}")),
        dump(0, huge),
        dump(0, "<range_mapping origin_begin=\"1\" data_begin=\"9\" length=\"0\" time=\"0\"/>"),
        dump(1, &one.replace("single_mapping", "ref")),
        dump(1, one).replace("dev_id=\"2\"", "dev_id=\"3\""),
        dump(1, one).replace("data_block_size=\"128\"", "data_block_size=\"0\""),
        dump(1, one).replace("data_block_size=\"128\"", "data_block_size=\"18446744073709551615\""),
        String::new(),
    ] {
        let error = read_mapped(text.as_bytes(), 2, 100 * BLOCK).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text}");
    }
}

#[test]
fn what_changed_is_data_and_what_was_discarded_is_zero() {
    let text = delta(
        "<same begin=\"0\" length=\"3\"/><different begin=\"3\" length=\"1\"/><left_only begin=\"4\" length=\"2\"/><right_only begin=\"9\" length=\"1\"/>\n",
    );
    assert_eq!(changes(&text, 20, 20).unwrap(), [data(3, 1), hole(4, 2), data(9, 1)]);
    assert_eq!(changes(&delta(""), 20, 20).unwrap(), []);
    // A volume that shrank.
    assert_eq!(changes(&text, 20, 5).unwrap(), [data(3, 1), hole(4, 1)]);
}

#[test]
fn what_grew_is_never_unchanged() {
    let text = delta(
        "<same begin=\"2\" length=\"4\"/><left_only begin=\"6\" length=\"1\"/><right_only begin=\"9\" length=\"1\"/>\n",
    );
    assert_eq!(changes(&text, 4, 12).unwrap(), [data(4, 2), hole(6, 3), data(9, 1), hole(10, 2)]);
    assert_eq!(changes(&delta(""), 4, 12).unwrap(), [hole(4, 8)]);
    // The parent ended within a block.
    let sizes = ParentAndNow { parent: 3 * BLOCK + 512, now: 5 * BLOCK };
    let map = read_changes(delta("<same begin=\"3\" length=\"1\"/>").as_bytes(), IDS, sizes).unwrap();
    assert_eq!(extents(&map), [Extent::data(3 * BLOCK + 512, BLOCK - 512), hole(4, 1)]);
}

#[test]
fn a_delta_that_says_something_else_is_no_answer() {
    let same = "<same begin=\"3\" length=\"2\"/>";
    for text in [
        delta(&format!("{same}<different begin=\"4\" length=\"1\"/>")),
        delta("<same begin=\"3\" length=\"0\"/>"),
        delta("<same begin=\"3\"/>"),
        delta("<other begin=\"3\" length=\"1\"/>"),
        delta("<left_only begin=\"18446744073709551615\" length=\"1\"/>"),
        delta("</diff><diff left=\"1\" right=\"2\">"),
        delta("").replace("left=\"1\"", "left=\"7\""),
        delta("").replace("  <diff left=\"1\" right=\"2\">\n", "").replace("  </diff>\n", ""),
        delta("").replace("  </diff>\n", ""),
        delta("</diff><same begin=\"3\" length=\"1\"/>"),
    ] {
        assert_eq!(changes(&text, 100, 100).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text}");
    }
    let whole = delta(same);
    for length in 0..whole.len() - 1 {
        assert!(changes(&whole[..length], 100, 100).is_err(), "{length}");
    }
}

/// A volume's mappings, block by block: which data block, if any.
type Mapping = Vec<Option<u64>>;

/// The pool's tables as thin_restore takes them.
fn pool(volumes: [&Mapping; 2]) -> String {
    let mut text =
        "<superblock uuid=\"\" time=\"1\" transaction=\"1\" data_block_size=\"128\" nr_data_blocks=\"4096\">"
            .to_owned();
    for (id, mapping) in (1..).zip(volumes) {
        let count = mapping.iter().flatten().count();
        let _ = write!(
            text,
            "<device dev_id=\"{id}\" mapped_blocks=\"{count}\" transaction=\"0\" creation_time=\"0\" snap_time=\"1\">"
        );
        for (block, data) in mapping.iter().enumerate().filter_map(|(block, data)| Some((block, (*data)?))) {
            let _ = write!(text, "<single_mapping origin_block=\"{block}\" data_block=\"{data}\" time=\"0\"/>");
        }
        text += "</device>";
    }
    text + "</superblock>"
}

/// What the thin tools say of these two volumes, the second's dump and the delta.
fn asked(volumes: [&Mapping; 2]) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (xml, tables) = (folder.path().join("pool.xml"), folder.path().join("tables"));
    std::fs::write(&xml, pool(volumes)).unwrap();
    std::fs::File::create(&tables).unwrap().set_len(4 << 20).unwrap();
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
        let output = output.unwrap_or_else(|error| panic!("{program} (Debian: thin-provisioning-tools): {error}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let tables = tables.to_str().unwrap();
    run("thin_restore", &["-i", xml.to_str().unwrap(), "-o", tables]);
    (run("thin_dump", &["--dev-id", "2", tables]), run("thin_delta", &["--thin1", "1", "--thin2", "2", tables]))
}

fn expected(volumes: [&Mapping; 2]) -> ExtentMap {
    let [parent, now] = volumes;
    let at = |volume: &Mapping, block: usize| volume.get(block).copied().flatten();
    let mut builder = DirtyMapBuilder::new(now.len() as u64 * BLOCK);
    for block in 0..now.len() {
        let range = Range { start: block as u64 * BLOCK, length: BLOCK };
        match (at(parent, block), at(now, block)) {
            (before, after) if before == after && block < parent.len() => {}
            (_, Some(_)) => builder.add_data(range),
            (_, None) => builder.add_hole(range),
        }
    }
    builder.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_tools_own_answers_give_what_differs(
        parent in proptest::collection::vec(proptest::option::of(0u64..3), 1..120),
        now in proptest::collection::vec(proptest::option::of(0u64..3), 1..120),
    ) {
        // Blocks that both have in the same data block are shared; all others are their own.
        let volume = |choices: &[Option<u64>]| -> Mapping {
            choices.iter().zip(0u64..).map(|(choice, block)| choice.map(|choice| choice * 1000 + block)).collect()
        };
        let (parent, now) = (volume(&parent), volume(&now));
        let (dump, delta) = asked([&parent, &now]);
        let size = now.len() as u64 * BLOCK;
        let map = read_mapped(&dump[..], 2, size).unwrap();
        for (block, mapped) in (0u64..).zip(&now) {
            let extent = map.iter().find(|extent| extent.start <= block * BLOCK && block * BLOCK < extent.end()).unwrap();
            prop_assert_eq!(extent.kind == ExtentKind::Data, mapped.is_some(), "block {}", block);
        }
        let sizes = ParentAndNow { parent: parent.len() as u64 * BLOCK, now: size };
        let changed = read_changes(&delta[..], IDS, sizes).unwrap();
        prop_assert_eq!(extents(&changed), extents(&expected([&parent, &now])));
    }

    #[test]
    fn no_answer_makes_it_panic(text in "(<(same|different|left_only|right_only|diff|/diff|device|range_mapping) (begin|length|left|right|dev_id|origin_begin)=\"[0-9]{0,20}\"/?>){0,8}") {
        let _ = changes(&delta(&text), 3, 7);
        let _ = read_mapped(dump(1, &text).as_bytes(), 2, 1 << 20);
    }
}
