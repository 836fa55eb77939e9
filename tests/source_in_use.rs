//! Warnings about sources that somebody else may write to, and what a mounted device refuses.

mod support;

use std::path::Path;
use std::process::Command;

use blocktar::source::{self, SourceOptions, warnings_before};
use blocktar::sys::block::open_exclusive;
use support::{LoopDevice, is_root};

fn run(program: &str, arguments: &[&Path]) {
    let output = Command::new(program).args(arguments).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A mount that ends when dropped, even by a panic.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        run("umount", &[self.0]);
    }
}

#[test]
fn a_mounted_device_and_its_image_are_warned_of() {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(8 << 20).unwrap();
    run("mke2fs", &[Path::new("-qF"), image.path()]);
    if !is_root("warnings about a mounted device") {
        return;
    }
    let device = LoopDevice::over(image.path(), 512);
    assert_eq!(warnings_before(&device.path).unwrap(), Vec::<String>::new());
    assert_eq!(warnings_before(image.path()).unwrap(), Vec::<String>::new());
    assert!(open_exclusive(&device.path).is_ok());

    // A blank in the name is written in octal by the kernel.
    let place = tempfile::Builder::new().prefix("mount point").tempdir().unwrap();
    {
        run("mount", &[&device.path, place.path()]);
        let _mounted = Mounted(place.path());
        let expected = format!("{} is mounted read-write at {}: ", device.path.display(), place.path().display());
        for path in [device.path.as_path(), image.path()] {
            let warnings = warnings_before(path).unwrap();
            assert!(warnings.len() == 1 && warnings[0].starts_with(&expected), "{warnings:?}");
        }
        let error = open_exclusive(&device.path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
        let Err(refusal) = source::open(place.path(), &SourceOptions::default()) else {
            panic!("a directory was opened")
        };
        assert!(refusal.remedy().unwrap().contains(&device.path.display().to_string()), "{:?}", refusal.remedy());
    }

    run("mount", &[Path::new("-r"), &device.path, place.path()]);
    let _mounted = Mounted(place.path());
    assert_eq!(warnings_before(&device.path).unwrap(), Vec::<String>::new());
}

#[test]
fn a_partition_that_is_mounted_is_found_from_its_drive() {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(16 << 20).unwrap();
    run("sgdisk", &[Path::new("-n"), Path::new("1:0:0"), image.path()]);
    if !is_root("warnings about a mounted partition") {
        return;
    }
    let device = LoopDevice::over(image.path(), 512);
    let partition = format!("{}p1", device.path.display());
    if !Path::new(&partition).exists() {
        // A kernel that does not know GPT is told.
        run("partx", &[Path::new("-a"), &device.path]);
    }
    run("mke2fs", &[Path::new("-qF"), Path::new(&partition)]);
    let place = tempfile::tempdir().unwrap();
    run("mount", &[Path::new(&partition), place.path()]);
    let _mounted = Mounted(place.path());
    let warnings = warnings_before(&device.path).unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].starts_with(&format!("{partition} is mounted read-write at ")),
        "{warnings:?}"
    );
    assert_eq!(warnings_before(Path::new(&partition)).unwrap().len(), 1);
}
