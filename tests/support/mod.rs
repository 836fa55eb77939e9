//! What several test programs share: targets that watch what is done to them, loop devices, and chance with a seed.
#![allow(dead_code)] // No test program uses all of it.

mod chance;

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use blocktar::error::{Error, Result};
use blocktar::stream::Target;
pub use chance::Chance;

/// Some members of data, zeros between them, and a tail that is no multiple of anything.
pub fn an_image() -> Vec<u8> {
    let mut image = Chance::from_seed(7).bytes(700_001);
    image[200_000..400_000].fill(0);
    image
}

/// Whether this process may set up loop devices and mounts; says loudly if it may not.
pub fn is_root(what_is_left_out: &str) -> bool {
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        // Past the test harness, which keeps what the print macros of a passing test say to itself.
        let _ = writeln!(io::stderr(), "\n*** NOT TESTED, needs root: {what_is_left_out} ***\n");
    }
    root
}

/// A program that may lie where a root shell without login does not look.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    command
}

/// A loop device over a file full of 0xFF; it goes when this is dropped.
pub struct LoopDevice {
    /// The path of the device.
    pub path: PathBuf,
    backing: PathBuf,
    _kept: Option<tempfile::NamedTempFile>,
}

impl LoopDevice {
    /// A device of this size and logical sector.
    pub fn dirty(size_bytes: usize, sector_bytes: u32) -> Self {
        let backing = tempfile::NamedTempFile::new().unwrap();
        let mut device = Self::dirty_over(backing.path(), size_bytes, sector_bytes);
        device._kept = Some(backing);
        device
    }

    /// The same over a file at this path.
    pub fn dirty_over(backing: &Path, size_bytes: usize, sector_bytes: u32) -> Self {
        std::fs::write(backing, vec![0xff; size_bytes]).unwrap();
        Self::over(backing, sector_bytes)
    }

    /// A device over a file as it is.
    pub fn over(backing: &Path, sector_bytes: u32) -> Self {
        let sector = sector_bytes.to_string();
        let mut losetup = command("losetup");
        // -P: the kernel looks for partitions now, and forgets them when the device is detached.
        let output = losetup.args(["-f", "-P", "--show", "-b", &sector]).arg(backing).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let path = String::from_utf8(output.stdout).unwrap().trim().into();
        Self { path, backing: backing.to_owned(), _kept: None }
    }

    /// What the device holds.
    pub fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        io::Read::read_to_end(&mut File::open(&self.path).unwrap(), &mut content).unwrap();
        content
    }

    /// 512-byte blocks that its file has on disk.
    pub fn allocated_blocks(&self) -> u64 {
        std::fs::metadata(&self.backing).unwrap().blocks()
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = command("losetup").arg("-d").arg(&self.path).status();
    }
}

/// A file system that is mounted on a folder until this is dropped.
pub struct Mounted(tempfile::TempDir);

impl Mounted {
    /// Mounts a file system in memory, as mount(8) names its type and options.
    pub fn new(kind: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = command("mount").args(["-t", kind, "-o", options, "none"]).arg(folder.path()).status();
        assert!(mount.unwrap().success());
        Self(folder)
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = command("umount").arg(self.0.path()).status();
    }
}

/// The names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One change that was asked of a [`Volatile`] target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A write of so many bytes.
    Write(u64, usize),
    /// Zeros.
    Zeros(u64, u64),
    /// A sync.
    Sync,
    /// The end.
    Finish,
}

/// A disk whose writes stay in its cache until a sync, and some of whose calls fail: all from one on as when the power
/// is cut, or a single one.
#[derive(Clone)]
pub struct Volatile(Arc<Mutex<Disk>>);

struct Disk {
    durable: Vec<u8>,
    cached: Vec<(usize, Vec<u8>)>,
    calls: Vec<Call>,
    failing: Range<usize>,
}

impl Volatile {
    /// A disk on which the changing calls of these numbers fail.
    pub fn new(content: Vec<u8>, failing: Range<usize>) -> Self {
        Self(Arc::new(Mutex::new(Disk { durable: content, cached: Vec::new(), calls: Vec::new(), failing })))
    }

    /// The changes that were asked so far, the failed one included.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    /// What may be found on the disk after the power is back: any part of the cache may have reached it. These are no part, all, each
    /// write alone and all but each write.
    pub fn outcomes(&self) -> Vec<Vec<u8>> {
        let disk = self.0.lock().unwrap();
        let count = disk.cached.len();
        let apply = |chosen: &dyn Fn(usize) -> bool| {
            let mut content = disk.durable.clone();
            for (_, (start, bytes)) in disk.cached.iter().enumerate().filter(|(at, _)| chosen(*at)) {
                content[*start..start + bytes.len()].copy_from_slice(bytes);
            }
            content
        };
        let mut outcomes = vec![apply(&|_| false), apply(&|_| true)];
        for one in 0..count {
            outcomes.push(apply(&|at| at == one));
            outcomes.push(apply(&|at| at != one));
        }
        outcomes
    }

    fn change(&self, call: Call, change: impl FnOnce(&mut Disk)) -> Result<()> {
        let mut disk = self.0.lock().unwrap();
        let failing = disk.failing.contains(&disk.calls.len());
        disk.calls.push(call);
        if failing {
            return Err(Error::io("writing", "volatile", io::Error::other("no power")));
        }
        change(&mut disk);
        Ok(())
    }
}

impl Disk {
    fn flush(&mut self) {
        for (start, bytes) in std::mem::take(&mut self.cached) {
            self.durable[start..start + bytes.len()].copy_from_slice(&bytes);
        }
    }
}

impl Target for Volatile {
    fn name(&self) -> &str {
        "volatile"
    }

    fn capacity(&self) -> u64 {
        self.0.lock().unwrap().durable.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let all = &self.outcomes()[1];
        buffer.copy_from_slice(&all[offset as usize..offset as usize + buffer.len()]);
        Ok(())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.change(Call::Write(offset, bytes.len()), |disk| disk.cached.push((offset as usize, bytes.to_vec())))
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.change(Call::Zeros(offset, length), |disk| disk.cached.push((offset as usize, vec![0; length as usize])))
    }

    fn sync(&mut self) -> Result<()> {
        self.change(Call::Sync, Disk::flush)
    }

    fn finish(&mut self) -> Result<()> {
        self.change(Call::Finish, Disk::flush)
    }
}
