//! The man pages: whole, without a fault that `mandoc` or `man` would name, and as readers see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn blocktar(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blocktar"));
    command.args(arguments).current_dir(folder).env("SOURCE_DATE_EPOCH", "1769817600").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a program that must succeed; what it prints on both streams.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The pages in a folder that `man --folder` makes.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let output = blocktar(&["man", "--folder", "new/pages"], folder);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let mut pages: Vec<_> = fs::read_dir(folder.join("new/pages")).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    pages
}

/// The commands as `--help` lists them.
fn commands(folder: &Path) -> Vec<String> {
    let help = text(&blocktar(&["--help"], folder).stdout);
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty()).map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_that_help_lists_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Vec<_> = commands(folder.path())
        .iter()
        .map(|command| format!("blocktar-{command}.1"))
        .chain(["blocktar.1".to_owned()])
        .collect();
    expected.sort();
    let found: Vec<_> =
        pages(folder.path()).iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, expected);
    assert!(expected.len() >= 8, "{expected:?}");
}

#[test]
fn neither_mandoc_nor_man_finds_fault_with_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for page in pages(folder.path()) {
        let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&page).output().unwrap();
        assert_eq!(text(&lint.stdout), "", "{page:?}");
        let warnings = Command::new("man").args(["--warnings", "-l", "-Z", "-Tutf8"]).arg(&page).output().unwrap();
        assert_eq!((warnings.status.code(), text(&warnings.stderr)), (Some(0), String::new()), "{page:?}");
    }
}

#[test]
fn a_page_reads_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let page = pages(folder.path()).into_iter().find(|page| page.ends_with("blocktar-backup.1")).unwrap();
    let mut man = Command::new("man");
    let read =
        said(man.arg("-l").arg(page).env("MANWIDTH", "100").env("MAN_KEEP_FORMATTING", "").env("LC_ALL", "C.UTF-8"));
    for line in [
        "       blocktar-backup - write an archive of a device or image",
        "       blocktar backup [OPTIONS] SOURCE",
        "       -o, --output <FILE>",
        "           blocktar backup /dev/vg/snap -o /dev/nst0 --next-medium 'mtx next'",
        "       8      done, but with bad or lost ranges",
    ] {
        assert!(read.lines().any(|found| found == line), "{line:?} is not in\n{read}");
    }
    assert!(read.contains("2026-01-31"), "{read}");
}

#[test]
fn one_page_is_printed_and_what_has_none_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for page in pages(folder.path()) {
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        let arguments: Vec<_> = ["man"].into_iter().chain(name.strip_prefix("blocktar-")).collect();
        assert_eq!(blocktar(&arguments, folder.path()).stdout, fs::read(&page).unwrap(), "{name}");
    }
    let unknown = blocktar(&["man", "back"], folder.path());
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no command back"), "{unknown:?}");
}

#[test]
fn a_folder_that_cannot_be_made_and_a_date_that_is_none_are_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let output = blocktar(&["man", "--folder", "file/pages"], folder.path());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("blocktar: creating file/pages: Not a directory"), "{output:?}");
    let mut undated = Command::new(env!("CARGO_BIN_EXE_blocktar"));
    let output = undated.arg("man").env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("SOURCE_DATE_EPOCH is `yesterday`"), "{output:?}");
}
