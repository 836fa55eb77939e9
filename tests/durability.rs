//! Content is stable before the name appears, and the name before success is reported: seen from outside, by strace.

mod support;

use std::fs;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use blocktar::media::create_output;
use blocktar::stream::Target;
use blocktar::sys::partial_file::IfExists;
use blocktar::target::new_image::NewImage;

/// The folder to work in: given by the test that watches, or a new one when this runs as a test of its own.
fn given_folder() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("BLOCKTAR_WATCHED_FOLDER") {
        Some(folder) => (folder.into(), None),
        None => {
            let folder = tempfile::tempdir().unwrap();
            (folder.path().to_owned(), Some(folder))
        }
    }
}

#[test]
fn writes_an_image() {
    let (folder, _guard) = given_folder();
    let mut target =
        NewImage::create(&folder.join("result"), Some(64 << 20), IfExists::Refuse, &Arc::default()).unwrap();
    for offset in 0..10 {
        target.write_at(&[1; 4 << 20], offset * (4 << 20)).unwrap();
    }
    target.finish().unwrap();
}

#[test]
fn writes_an_archive() {
    let (folder, _guard) = given_folder();
    let mut output = create_output(Some(&folder.join("result")), IfExists::Refuse, &Arc::default()).unwrap();
    for _ in 0..10 {
        output.write_member(&[IoSlice::new(&[1; 4 << 20]), IoSlice::new(&[2; 512])]).unwrap();
    }
    output.finish().unwrap();
}

/// Runs one of the tests above under strace and gives its calls, one a line, descriptors with their paths.
fn watch(test: &str, folder: &Path, trace: &Path) -> Vec<String> {
    let calls = "trace=write,writev,pwrite64,sync_file_range,fsync,fdatasync,rename,renameat,renameat2,link,linkat";
    let output = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-e", calls, "-o"])
        .arg(trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("BLOCKTAR_WATCHED_FOLDER", folder)
        .output()
        .expect("strace is needed for this test: install it (`apt-get install strace`)");
    assert!(output.status.success(), "{output:?}");
    let folder = folder.to_str().unwrap();
    let calls = fs::read_to_string(trace).unwrap();
    calls.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
}

#[test]
fn content_is_synced_then_named_then_the_name_is_synced() {
    for test in ["writes_an_image", "writes_an_archive"] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let calls = watch(test, folder.path(), &elsewhere.path().join("trace"));
        let last = |wanted: &dyn Fn(&str) -> bool| calls.iter().rposition(|call| wanted(call)).unwrap_or(usize::MAX);
        let partial = |call: &str| call.contains(".result.blocktar-");
        let wrote = last(&|call| (call.contains("pwrite64(") || call.contains("writev(")) && partial(call));
        let started = last(&|call| call.contains("sync_file_range(") && partial(call));
        let synced = last(&|call| call.contains("fsync(") && partial(call));
        let named = last(&|call| call.contains("rename") && call.contains("RENAME_NOREPLACE"));
        let folder_end = format!("<{}>)", folder.path().display());
        let name_synced = last(&|call| call.contains("fsync(") && call.contains(&folder_end));
        assert!(wrote < synced && synced < named && named < name_synced, "{test}: {calls:#?}");
        assert!(name_synced < usize::MAX && started < synced, "{test}: {calls:#?}");
        assert_eq!(support::names(folder.path()), ["result"]);
    }
}
