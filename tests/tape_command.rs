//! `tape` and what is said where no drive is; with drives it is tested in memory and in the virtual machine.

mod place;
mod support;

use place::{Place, says, text};

#[test]
fn a_drive_must_be_named_or_stand_in_the_environment() {
    let place = Place::new();
    for (line, what) in [("tape status", "ask a tape drive"), ("tape label WEEK-07", "label a cartridge")] {
        let output = place.shell(&format!("unset TAPE; blocktar {line}"));
        assert_eq!(output.status.code(), Some(6), "{line}");
        says(&output.stderr, line, &[what, "no tape drive was named", "TAPE=/dev/nst0"]);
        let output = place.shell(&format!("TAPE=/dev/no-such-drive blocktar {line}"));
        assert_eq!(output.status.code(), Some(3), "{line}");
        says(&output.stderr, line, &["opening /dev/no-such-drive", "No such file", "help: look for a misspelt name"]);
        let output = place.shell(&format!("TAPE=/dev/null blocktar {line} --json"));
        assert_eq!(output.status.code(), Some(6), "{line}");
        says(&output.stderr, line, &["/dev/null as a tape drive", "it is none", "such as /dev/nst0"]);
        assert!(text(&output.stdout).contains(r#""class":"refused""#), "{line}");
    }
    // What is not there is not told to be something else.
    let line = "restore -i /dev/no-such-drive --name web1 new.img";
    let output = place.run(line);
    assert_eq!(output.status.code(), Some(3), "{line}");
    says(&output.stderr, line, &["opening /dev/no-such-drive", "No such file"]);
}

#[test]
fn words_that_make_no_sense_are_wrong_usage() {
    let place = Place::new();
    for line in ["tape", "tape wipe", "tape label", "tape status a b", "tape label a b c", "tape status --overwrite"] {
        assert_eq!(place.run(line).status.code(), Some(2), "{line}");
    }
}

#[test]
fn list_at_a_terminal_looks_at_the_drive_of_the_environment() {
    let place = Place::new();
    let spoken = text(&place.terminal("TAPE=/dev/no-such-drive blocktar list").stdout);
    assert!(spoken.contains("opening /dev/no-such-drive"), "{spoken}");
    let spoken = text(&place.terminal("env -u TAPE blocktar list").stdout);
    assert!(spoken.contains("standard input is a terminal"), "{spoken}");
}

#[test]
fn the_node_that_rewinds_is_refused_by_every_reader_with_the_name_of_the_right_one() {
    if !support::is_root("the refusal of a tape drive's rewinding node") {
        return;
    }
    let place = Place::new();
    // A node without a drive: it is refused before it would be opened.
    let made = place.shell("mknod st3 c 9 3");
    assert!(made.status.success(), "{}", text(&made.stderr));
    for line in
        ["verify st3", "restore -i st3 new.img", "extract st3 > bytes", "info st3", "list st3", "tape status st3"]
    {
        let output = place.shell(&format!("blocktar {line}"));
        assert_eq!(output.status.code(), Some(6), "{line}: {}", text(&output.stderr));
        says(&output.stderr, line, &["refused to use st3", "rewinds the tape when it is closed", "use /dev/nst3"]);
    }
}
