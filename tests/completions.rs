//! The completion scripts: each shell accepts its own, and offers commands, options, values, and files where files may stand.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// Completes one line in bash as readline would have it done, and prints what is offered.
const BASH: &str = r#"
source ./blocktar.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
compopt() { :; } # only a line that is being typed has options
set -- $(complete -p blocktar)
while [[ $1 != -F ]]; do shift; done
"$2" blocktar "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// A folder with the scripts, two disk images and an archive.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_blocktar")).args(["completions", shell]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        fs::write(place.path().join(format!("blocktar.{shell}")), output.stdout).unwrap();
    }
    for name in ["disk one.img", "disk.img", "backup.tar"] {
        fs::write(place.path().join(name), "").unwrap();
    }
    place
}

fn lines(command: &mut Command, place: &TempDir) -> BTreeSet<String> {
    let output = command.current_dir(place.path()).env("HOME", place.path()).output().unwrap();
    assert!(output.stderr.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // fish adds what it knows of a word behind a tab.
    let first = |line: &str| line.split('\t').next().unwrap().to_owned();
    text.lines().map(first).filter(|line| !line.is_empty()).collect()
}

/// What bash offers for the last of these words.
fn bash(place: &TempDir, words: &[&str]) -> BTreeSet<String> {
    lines(Command::new("bash").args(["--norc", "-c", BASH, "bash"]).args(words), place)
}

/// What fish offers for the end of this line.
fn fish(place: &TempDir, line: &str) -> BTreeSet<String> {
    let script = "source ./blocktar.fish; complete -C $argv[1]";
    lines(Command::new("fish").args(["--no-config", "-c", script, line]), place)
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_shell_accepts_its_script() {
    let place = place();
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(shell).arg("-n").arg(format!("blocktar.{shell}")).current_dir(place.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{shell}: {error}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    }
}

#[test]
fn bash_offers_commands_options_and_values() {
    let place = place();
    for command in ["backup", "restore", "list", "info", "verify", "completions", "man"] {
        assert!(bash(&place, &["blocktar", ""]).contains(command), "{command}");
    }
    assert_eq!(bash(&place, &["blocktar", "ver"]), words(&["verify"]));
    assert_eq!(bash(&place, &["blocktar", "-q", "ver"]), words(&["verify"]));
    assert_eq!(bash(&place, &["blocktar", "backup", "--com"]), words(&["--compression"]));
    assert_eq!(bash(&place, &["blocktar", "backup", "--digest", ""]), words(&["sha256", "blake3"]));
    assert_eq!(bash(&place, &["blocktar", "backup", "--digest", "=", "bl"]), words(&["blake3"]));
    assert_eq!(bash(&place, &["blocktar", "backup", "--compression", ""]), words(&["none", "zstd"]));
    assert_eq!(bash(&place, &["blocktar", "verify", "--progress", ""]), words(&["auto", "bar", "json", "none"]));
    assert_eq!(bash(&place, &["blocktar", "completions", ""]), words(&["bash", "zsh", "fish"]));
    assert!(bash(&place, &["blocktar", "backup", "-"]).contains("--keep-going"));
}

#[test]
fn bash_offers_files_where_files_may_stand() {
    let place = place();
    assert_eq!(bash(&place, &["blocktar", "backup", "-o", "d"]), words(&["disk one.img", "disk.img"]));
    assert_eq!(bash(&place, &["blocktar", "restore", "--input", "back"]), words(&["backup.tar"]));
    // Nothing of its own: then bash offers files, as the script asks it to.
    assert_eq!(bash(&place, &["blocktar", "backup", ""]), words(&[]));
    assert_eq!(bash(&place, &["blocktar", "verify", "back"]), words(&[]));
    let script = fs::read_to_string(place.path().join("blocktar.bash")).unwrap();
    assert!(script.lines().last().unwrap().contains("-o default"), "{script}");
    // A name or a number is no file, even if one happens to begin like it.
    assert_eq!(bash(&place, &["blocktar", "backup", "--name", "d"]), words(&["d"]));
}

#[test]
fn fish_offers_commands_options_values_and_files() {
    let place = place();
    assert_eq!(fish(&place, "blocktar ver"), words(&["verify"]));
    assert_eq!(fish(&place, "blocktar backup --com"), words(&["--compression"]));
    assert_eq!(fish(&place, "blocktar backup --digest "), words(&["sha256", "blake3"]));
    assert_eq!(fish(&place, "blocktar backup d"), words(&["disk one.img", "disk.img"]));
    assert_eq!(fish(&place, "blocktar restore -i back"), words(&["backup.tar"]));
    assert_eq!(fish(&place, "blocktar backup --name d"), words(&[]));
}
