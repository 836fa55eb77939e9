//! Holds the code to the table in `src/lib.rs`: which module uses which, and which crates only one of them may use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The word of the table for the modules that all may use.
const GROUND: &str = "ground";
/// The folder of the binary, which sees the library as `blocktar::`.
const BINARY: &str = "bin";

/// Words that stand in one module only: crates, and what would open a file.
const KEPT: &[(&str, &[&str])] = &[
    ("nix::", &["sys"]),
    ("unsafe ", &["sys"]),
    ("allow(unsafe_code)", &["sys"]),
    ("tar::", &["archive"]),
    ("zstd::", &["archive"]),
    ("sha2::", &["archive"]),
    ("tape_sha256::", &["archive"]),
    ("blake3::", &["archive"]),
    ("clap::", &[BINARY]),
    ("clap_complete::", &[BINARY]),
    ("clap_mangen::", &[BINARY]),
    ("byte_unit::", &[BINARY]),
    ("indicatif::", &[BINARY]),
    ("terminal_size::", &[BINARY]),
    // `progress` removes partial files when a process leaves from within a blocked call.
    ("std::fs", &["source", "target", "media", "client", "sys", "progress", BINARY]),
];

/// One file of `src/` without its comments and texts.
struct Code {
    path: PathBuf,
    /// Its top module: the first folder, or the file's own name.
    module: String,
    /// How deep it lies below the crate: 1 for a top module.
    depth: usize,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn all_code() -> Vec<Code> {
    let mut paths = Vec::new();
    rust_files(&root(), &mut paths);
    let code = |path: PathBuf| {
        let inside = path.strip_prefix(root()).unwrap().with_extension("");
        let names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
        let depth = names.len() - usize::from(names.last().unwrap() == "mod");
        Code { module: names[0].clone(), depth, text: bare(&fs::read_to_string(&path).unwrap()), path }
    };
    paths.into_iter().filter(|path| !path.ends_with("src/lib.rs")).map(code).collect()
}

/// The code without line comments and without what stands in quotes.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().find(|one| *one == '\n');
                bare.push('\n');
            }
            '"' => {
                while let Some(one) = rest.next() {
                    match one {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                bare.push_str("\"\"");
            }
            // A quote that is a character, so that it opens no text.
            '\'' if rest.clone().take(2).eq("\"'".chars()) => drop((rest.next(), rest.next())),
            one => bare.push(one),
        }
    }
    bare
}

fn is_name(one: char) -> bool {
    one.is_alphanumeric() || one == '_'
}

/// What stands behind each place of `prefix` that begins a word.
fn behind<'t>(text: &'t str, prefix: &'static str) -> impl Iterator<Item = &'t str> {
    let begins = |at: &usize| !text[..*at].ends_with(|one| is_name(one) || one == ':' || one == '$');
    text.match_indices(prefix).map(|(at, _)| at).filter(begins).map(move |at| &text[at + prefix.len()..])
}

/// The first names of a path or of a group: `a` of `a::b`, `a` and `c` of `{a::{b, d}, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|one| is_name(*one)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut open) = (vec![name(group)], 1);
    for (at, one) in group.char_indices() {
        match one {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The top modules that a file names.
fn used(code: &Code, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let prefix = if code.module == BINARY { "blocktar::" } else { "crate::" };
    let mut names: BTreeSet<_> = behind(&code.text, prefix).flat_map(first_names).collect();
    for path in behind(&code.text, "super::") {
        let (mut path, mut up) = (path, 1);
        while let Some(rest) = path.strip_prefix("super::") {
            (path, up) = (rest, up + 1);
        }
        if up >= code.depth && code.module != BINARY {
            names.extend(first_names(path));
        }
    }
    names.retain(|name| modules.contains(name) && *name != code.module);
    names
}

/// The table: each module and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("lib.rs")).unwrap();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches('/').to_owned()).collect()
    };
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")).map(|line| line.split(" | "));
    let rows: Vec<_> = rows.map(Iterator::collect::<Vec<_>>).filter(|cells| cells[0].contains('`')).collect();
    let ground = rows.iter().find(|cells| cells[1] == GROUND).expect("the table has a row for the ground");
    let ground = quoted(ground[0]);
    let mut table = BTreeMap::new();
    for cells in &rows {
        let (allowed, _) = cells[2].split_once(';').unwrap_or((cells[2], ""));
        let mut may: BTreeSet<_> = quoted(allowed).into_iter().collect();
        if allowed.contains(GROUND) {
            may.extend(ground.iter().cloned());
        }
        if allowed.contains("all") {
            may.extend(rows.iter().flat_map(|cells| quoted(cells[0])));
        }
        for name in quoted(cells[0]) {
            assert!(
                table.insert(name.clone(), may.clone()).is_none(),
                "{name} stands twice in the table of src/lib.rs"
            );
        }
    }
    table
}

#[test]
fn the_table_names_every_module() {
    let modules: BTreeSet<_> = all_code().into_iter().map(|code| code.module).collect();
    let listed: BTreeSet<_> = table().into_keys().collect();
    assert_eq!(modules, listed, "modules of src/, and those of the table in src/lib.rs");
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let table = table();
    let modules = table.keys().cloned().collect();
    let mut uses = 0;
    let mut wrong = Vec::new();
    for code in all_code() {
        for name in used(&code, &modules) {
            uses += 1;
            if !table[&code.module].contains(&name) {
                wrong.push(format!("{}: `{}` must not use `{name}`", code.path.display(), code.module));
            }
        }
    }
    assert!(uses > 50, "only {uses} uses were found: this test does not see them");
    assert!(wrong.is_empty(), "against the table in src/lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn crates_and_unsafe_code_stay_where_they_belong() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for code in all_code() {
        for (word, modules) in KEPT {
            if behind(&code.text, word).next().is_some() {
                seen.insert(*word);
                if !modules.contains(&code.module.as_str()) && !is_test_only(&code, word) {
                    wrong.push(format!("{}: `{word}` belongs in {}", code.path.display(), modules.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (word, _) in KEPT {
        assert!(seen.contains(word), "`{word}` was found nowhere: this test does not see it");
    }
}

/// Whether a word stands only in tests, a file of them or those at a file's end: they may make files.
fn is_test_only(code: &Code, word: &'static str) -> bool {
    let parts = code.text.split_once("#[cfg(test)]");
    code.path.ends_with("tests.rs") || parts.is_some_and(|(code, _)| behind(code, word).next().is_none())
}

#[test]
fn paths_are_seen_however_they_are_written() {
    let modules: BTreeSet<String> = ["media", "source", "sys", "target"].map(str::to_owned).into();
    let used_by = |module: &str, depth, text: &str| {
        let code = Code { path: PathBuf::new(), module: module.to_owned(), depth, text: bare(text) };
        used(&code, &modules).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(used_by("source", 2, "use crate::{media::{open, x}, sys};"), ["media", "sys"]);
    assert_eq!(used_by("source", 2, "let x = crate::target::open(); // crate::media::open()"), ["target"]);
    assert_eq!(used_by("source", 2, "use super::super::media::open; use super::sys::x;"), ["media"]);
    assert_eq!(used_by("source", 1, "use super::media::open; use crate::source::x;"), ["media"]);
    assert_eq!(used_by("bin", 3, "use blocktar::sys::x; let text = \"blocktar::media\";"), ["sys"]);
    assert_eq!(used_by("source", 2, "use crate::media_types; use my_crate::media;"), [""; 0]);
}
