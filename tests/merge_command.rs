//! `merge` as its users meet it.

mod archives;
mod chains;
mod place;
mod support;

use std::fs::{self, File};

use archives::history::link;
use chains::Chain;
use place::{failed, says, text};
use serde_json::Value;

fn done(chain: &Chain, line: &str) -> Value {
    let output = chain.place.shell(line);
    assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

#[test]
fn a_full_and_its_increments_become_a_full() {
    let chain = Chain::new();
    let told = done(&chain, "blocktar merge 3.tar 1.tar 2.tar -o full2.tar --verify --json");
    assert_eq!((&told["command"], &told["exit_code"]), (&"merge".into(), &0.into()));
    let names: Vec<_> = told["from"].as_array().unwrap().iter().map(|from| &from["archive"]).collect();
    assert_eq!(names, ["1.tar", "2.tar", "3.tar"]);
    assert_eq!(told["end"]["state"], chain.links[2].state.as_str());
    assert_eq!(told["info"]["kind"], "full");
    assert_eq!(told["verified"]["faults"], Value::Array(vec![]));
    assert!(told["copied_members"].as_u64().unwrap() > 10);
    chain.restores("restore -i full2.tar a.img", "a.img", 2);
    // What was made on the newest one before builds on it too.
    chain.restores("restore -i 4.tar -i full2.tar b.img", "b.img", 3);
    let output = chain.place.run("merge 4.tar full2.tar -o full3.tar");
    says(&output.stderr, "summary", &["merged 2 archives", "of          full2.tar", "packed anew", "image state"]);
    chain.restores("restore -i full3.tar c.img", "c.img", 3);
}

#[test]
fn increments_become_an_increment() {
    let chain = Chain::new();
    let told = done(&chain, "blocktar merge 4.tar 2.tar 3.tar -o week.tar --json -q");
    assert_eq!(
        (&told["info"]["kind"], &told["end"]["state"]),
        (&"increment".into(), &chain.links[3].state.as_str().into())
    );
    assert_eq!(told["info"]["parent"]["id"], chain.links[0].id.as_str());
    chain.restores("restore -i week.tar -i 1.tar a.img", "a.img", 3);
    fs::write(chain.path("held.img"), &chain.states[0]).unwrap();
    chain.restores("restore -i week.tar --onto-parent --check-parent 1.tar held.img --read-back", "held.img", 3);
}

#[test]
fn an_increment_made_on_the_merged_full_fits_the_chain_and_the_other_way_round() {
    let chain = Chain::new();
    done(&chain, "blocktar merge 1.tar 2.tar 3.tar -o merged.tar -q");
    fs::write(chain.path("disk.img"), &chain.states[3]).unwrap();
    done(&chain, "blocktar backup disk.img --since merged.tar -o on-merged.tar -q");
    done(&chain, "blocktar backup disk.img --since 1.tar --since 2.tar --since 3.tar -o on-chain.tar -q");
    for chosen in ["on-merged.tar", "on-chain.tar"] {
        for below in ["-i merged.tar", "-i 1.tar -i 2.tar -i 3.tar"] {
            chain.restores(&format!("restore {below} -i {chosen} new.img --overwrite"), "new.img", 3);
        }
    }
}

#[test]
fn what_is_no_chain_is_refused_and_nothing_is_written() {
    let chain = Chain::new();
    chain.write(&link(8, Some((&chain.states[0], &chain.links[0])), &chain.states[2]));
    chain.write(&link(9, None, &chain.states[1]));
    for (line, code, texts) in [
        ("merge 1.tar 3.tar -o new.tar", 7, &["merge these archives", "3.tar", &chain.links[1].id, "help: "][..]),
        ("merge 1.tar 2.tar 8.tar -o new.tar", 7, &["both build on 1.tar"]),
        ("merge 1.tar 9.tar -o new.tar", 7, &["both are fulls"]),
        ("merge 4.tar 2.tar -o new.tar", 7, &["merge these archives"]),
        ("merge 1.tar -o new.tar", 6, &["nothing to merge it with", "recompress"]),
        ("merge 1.tar 1.tar -o new.tar", 6, &["both are part 1"]),
        ("merge 1.tar - -o new.tar", 6, &["standard input", "from its beginning to its end", "help: name the files"]),
        ("merge 1.tar 2.tar -o 2.tar --overwrite", 6, &["merge 2.tar", "`blocktar merge 1.tar 2.tar -o FILE`"]),
        ("merge 1.tar 2.tar -o 3.tar", 6, &["3.tar", "--overwrite"]),
        ("merge 1.tar 2.tar missing.tar -o new.tar", 3, &["missing.tar"]),
        ("merge -o new.tar", 2, &["ARCHIVE"]),
    ] {
        failed(&chain.place.run(line), line, code, texts);
        assert!(!chain.path("new.tar").exists(), "{line}");
    }
    let piped = "blocktar merge <(cat 1.tar) 2.tar -o new.tar";
    failed(&chain.place.shell(piped), piped, 6, &["cannot be read here and there", "help: name the archive's file"]);
    assert!(*fs::read(chain.path("2.tar")).unwrap() == **chain.links[1].bytes, "an archive was written over");
}

#[test]
fn archives_in_parts_are_merged_into_parts() {
    let chain = Chain::new();
    done(&chain, "blocktar reblock 1.tar -o full-%03d.tar --part-size 1M -q");
    done(&chain, "blocktar merge 2.tar full-%03d.tar 3.tar -o new-%03d.tar --part-size 1M -q --verify");
    assert!(chain.path("new-002.tar").exists());
    chain.restores("restore -i new-%03d.tar -i 4.tar a.img", "a.img", 3);
    fs::remove_file(chain.path("full-002.tar")).unwrap();
    let line = "merge 2.tar full-%03d.tar -o other.tar";
    failed(&chain.place.run(line), line, 4, &["part 2"]);
}

#[test]
fn it_goes_through_a_pipe_and_a_full_disk_leaves_nothing() {
    let chain = Chain::new();
    done(&chain, "set -o pipefail; blocktar merge 1.tar 2.tar -q | cat > piped.tar");
    chain.restores("restore -i piped.tar a.img", "a.img", 1);
    let output = chain
        .place
        .command("merge 1.tar 2.tar -q")
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    failed(&output, "a full disk", 3, &["No space left"]);
    let output = chain.place.shell("set -o pipefail; blocktar merge 1.tar 2.tar | head -c 100000 > cut.tar");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(chain.place.run("verify -q cut.tar").status.code(), Some(4));
}
