//! The main job on real input: an ext4 file system with files in it, through a pipe, listed, verified, and restored to a new
//! image and onto dirty devices, byte for byte.

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{Chance, LoopDevice, is_root};
use tempfile::TempDir;

const IMAGE_BYTES: usize = 48 << 20;
const MIB: usize = 1 << 20;

/// A folder with `disk.img`, an ext4 file system that holds a tree of files, and `backup.tar`, made of it through a pipe.
struct Place {
    folder: TempDir,
    image: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        plant_tree(&folder.path().join("tree"));
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-F", "-t", "ext4", "-d", "tree", "disk.img", "48m"]).current_dir(folder.path());
        let made = mke2fs.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").output();
        let made = made.expect("mke2fs is needed for this test: install it (`apt-get install e2fsprogs`)");
        assert!(made.status.success(), "{made:?}");
        let image = fs::read(folder.path().join("disk.img")).unwrap();
        assert_eq!(image.len(), IMAGE_BYTES);
        let place = Self { folder, image };
        place.shell("blocktar backup disk.img --name web | cat > backup.tar");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line in bash with `blocktar` on the path; any failure in a pipe is one.
    fn shell(&self, line: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_blocktar"));
        let path = format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", program.parent().unwrap().display());
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("set -o pipefail\n{line}")]).current_dir(self.folder.path()).env("PATH", path);
        let output = bash.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        output
    }

    /// 512-byte blocks that a file has on disk.
    fn allocated(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).unwrap().blocks()
    }
}

/// Files of all sizes: many small ones, a large one without pattern, one with holes, an empty one, a link.
fn plant_tree(tree: &Path) {
    let mut chance = Chance::from_seed(20);
    for number in 0..200 {
        let folder = tree.join(format!("folder{}", number % 7));
        fs::create_dir_all(&folder).unwrap();
        let bytes = vec![number as u8 + 1; chance.below(9000) as usize];
        fs::write(folder.join(format!("file{number}")), bytes).unwrap();
    }
    fs::write(tree.join("large"), chance.bytes(9 << 20)).unwrap();
    fs::write(tree.join("empty"), "").unwrap();
    let sparse = File::create(tree.join("sparse")).unwrap();
    sparse.write_all_at(b"far out", 5 << 20).unwrap();
    std::os::unix::fs::symlink("large", tree.join("link")).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The first place where two devices differ, instead of 48 MiB in a panic.
fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    (left.len() != right.len())
        .then_some(left.len().min(right.len()))
        .or_else(|| left.iter().zip(right).position(|(left, right)| left != right))
}

#[test]
fn a_file_system_goes_through_a_pipe_into_a_new_sparse_image() {
    let place = Place::new();
    let listed = text(&place.shell("blocktar list backup.tar").stdout);
    assert!(listed.contains(" web ") && listed.contains(" complete "), "{listed}");
    assert!(text(&place.shell("blocktar info backup.tar").stdout).contains("ext4"));
    assert!(text(&place.shell("cat backup.tar | blocktar verify").stdout).contains("sound"));
    place.shell("blocktar restore -i backup.tar seeking.img");
    place.shell("cat backup.tar | blocktar restore forward.img --read-back");
    for name in ["seeking.img", "forward.img"] {
        assert_eq!(first_difference(&fs::read(place.path(name)).unwrap(), &place.image), None, "{name}");
        // What a file system needs to find the blocks may differ a little.
        let (source, restored) = (place.allocated("disk.img"), place.allocated(name));
        assert!(restored <= source + 64, "{name} has {restored} blocks, the source {source}");
        let needed = place.image.chunks(4096).filter(|block| block.iter().any(|byte| *byte != 0)).count() as u64 * 8;
        assert!(restored <= needed + 64, "{name} has {restored} blocks, {needed} of the image are not zero");
        assert!(restored * 512 < IMAGE_BYTES as u64 / 2, "{name} is not sparse");
        place.shell(&format!("e2fsck -fn {name}"));
    }
}

#[test]
fn a_file_system_lands_on_dirty_devices_of_any_sector() {
    if !is_root("restores of a file system onto loop devices") {
        return;
    }
    let place = Place::new();
    for (sector_bytes, larger_bytes) in [(512, 0), (4096, 0), (512, MIB + 512), (4096, MIB + 4096)] {
        for line in ["blocktar restore -i backup.tar", "cat backup.tar | blocktar restore --read-back"] {
            let device = LoopDevice::dirty(IMAGE_BYTES + larger_bytes, sector_bytes);
            let said = text(&place.shell(&format!("{line} {}", device.path.display())).stderr);
            let content = device.content();
            let case = format!("{line}, sectors of {sector_bytes}, {larger_bytes} larger");
            assert_eq!(content.len(), IMAGE_BYTES + larger_bytes, "{case}");
            assert_eq!(first_difference(&content[..IMAGE_BYTES], &place.image), None, "{case}");
            assert!(content[IMAGE_BYTES..].iter().all(|byte| *byte == 0xff), "{case}: the tail was touched");
            let says_so = said.contains(&format!("its last {larger_bytes} bytes were left as they are"));
            assert_eq!(says_so, larger_bytes > 0, "{case}: {said}");
            assert!(said.contains(" made zero") && !said.contains("skipped"), "{case}: {said}");
            place.shell(&format!("e2fsck -fn {}", device.path.display()));
        }
    }
}

/// What was written to a device and lies in the cache only is part of the device.
#[test]
fn a_device_with_dirty_pages_is_backed_up_as_its_readers_see_it() {
    if !is_root("backups of loop devices") {
        return;
    }
    let place = Place::new();
    for sector_bytes in [512, 4096] {
        fs::write(place.path("backing"), &place.image).unwrap();
        let device = LoopDevice::over(&place.path("backing"), sector_bytes);
        // Kept open: closing the last descriptor of a block device writes its cache back.
        let dirty = OpenOptions::new().read(true).write(true).open(&device.path).unwrap();
        let mut expected = place.image.clone();
        let mut chance = Chance::new();
        for _ in 0..400 {
            let offset = chance.below(IMAGE_BYTES as u64 - 6000);
            let bytes: Vec<u8> = (0..1 + chance.below(6000)).map(|_| chance.next() as u8).collect();
            dirty.write_all_at(&bytes, offset).unwrap();
            expected[offset as usize..offset as usize + bytes.len()].copy_from_slice(&bytes);
        }
        place.shell(&format!("blocktar backup {} > dirty.tar && rm -f dirty.img", device.path.display()));
        place.shell("blocktar restore -i dirty.tar dirty.img");
        let restored = fs::read(place.path("dirty.img")).unwrap();
        assert_eq!(first_difference(&restored, &expected), None, "sectors of {sector_bytes}");
        let mut seen = Vec::new();
        (&dirty).seek(SeekFrom::Start(0)).unwrap();
        (&dirty).read_to_end(&mut seen).unwrap();
        assert_eq!(first_difference(&seen, &expected), None, "the backup changed the device");
    }
}
