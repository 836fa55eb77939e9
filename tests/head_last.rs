//! A restore that is killed at any moment leaves no healthy-looking disk.

mod support;

use blocktar::error::Result;
use blocktar::stream::Target;
use blocktar::target::head_last::HeadLast;
use blocktar::target::memory::Memory;
use support::{Call, Volatile};

const MIB: usize = 1 << 20;
const SIZE: usize = 3 * MIB + 512;

/// A full restore: data across the edge of the head, zeros, data at both ends, and one range that is left as it is.
fn restore(target: Volatile) -> Result<()> {
    let mut target = HeadLast::begin(target)?;
    target.write_at(&[1; 8192], 0)?;
    target.write_zeros(8192, 100_000)?;
    target.write_at(&[2; MIB], MIB as u64 - 5000)?;
    target.sync()?;
    target.write_zeros(2 * MIB as u64, MIB as u64)?;
    target.write_at(&[3; 512], 3 * MIB as u64)?;
    target.finish()
}

fn restored() -> Vec<u8> {
    let mut content = vec![0xff; SIZE];
    content[..8192].fill(1);
    content[8192..108_192].fill(0);
    content[MIB - 5000..2 * MIB - 5000].fill(2);
    content[2 * MIB..3 * MIB].fill(0);
    content[3 * MIB..].fill(3);
    content
}

#[test]
fn the_head_goes_when_all_else_is_stable() {
    let disk = Volatile::new(vec![0xff; SIZE], 0..0);
    restore(disk.clone()).unwrap();
    assert!(disk.outcomes().iter().all(|content| *content == restored()));
    let calls = disk.calls();
    assert_eq!(calls[..2], [Call::Write(0, MIB), Call::Sync]);
    let end = [Call::Sync, Call::Write(4096, MIB - 4096), Call::Sync, Call::Write(0, 4096), Call::Finish];
    assert_eq!(calls[calls.len() - end.len()..], end);
    assert!(calls[2..calls.len() - end.len()].iter().all(|call| match call {
        Call::Write(offset, _) | Call::Zeros(offset, _) => *offset >= MIB as u64,
        Call::Sync => true,
        Call::Finish => false,
    }));
}

#[test]
fn no_power_cut_leaves_a_healthy_looking_disk() {
    let whole = Volatile::new(vec![0xff; SIZE], 0..0);
    restore(whole.clone()).unwrap();
    let goal = restored();
    for calls in 0..whole.calls().len() {
        let disk = Volatile::new(vec![0xff; SIZE], calls..usize::MAX);
        restore(disk.clone()).unwrap_err();
        for content in disk.outcomes() {
            let headless = content[..4096].iter().all(|&byte| byte == 0);
            let untouched = content[MIB..].iter().all(|&byte| byte == 0xff);
            let complete = content[4096..] == goal[4096..];
            assert!(headless || untouched || complete, "after {calls} calls: {:?}", disk.calls());
        }
    }
}

#[test]
fn after_a_failed_write_the_head_stays_away() {
    for fails_at in 2..6 {
        let disk = Volatile::new(vec![0xff; SIZE], fails_at..fails_at + 1);
        let mut target = HeadLast::begin(disk.clone()).unwrap();
        for at in 1..3 {
            let _ = target.write_at(&[7; 512], at * MIB as u64);
            let _ = target.sync();
        }
        target.finish().unwrap_err();
        target.finish().unwrap_err();
        assert!(disk.outcomes().iter().all(|content| content[..MIB].iter().all(|&byte| byte == 0)));
    }
}

#[test]
fn what_is_not_written_keeps_its_bytes() {
    for size in [1, 512, 4096, 5000, MIB - 1, MIB, MIB + 1] {
        let old: Vec<u8> = (0..size).map(|at| at as u8 | 1).collect();
        let mut target = HeadLast::begin(Memory::new(old.clone())).unwrap();
        assert!(target.inner().bytes() == old, "nothing is touched before the first write");
        let mut seen = vec![0; size];
        target.read_at(&mut seen, 0).unwrap();
        assert!(seen == old, "a reader sees the held bytes");
        target.write_at(&[0xee], size as u64 - 1).unwrap();
        assert!(target.inner().bytes()[..size.min(MIB)].iter().all(|&byte| byte == 0));
        target.finish().unwrap();
        target.finish().unwrap();
        assert_eq!(target.inner().bytes()[..size - 1], old[..size - 1]);
        assert_eq!(target.inner().bytes()[size - 1], 0xee);
    }
}

/// Loses what is written to one byte.
struct Forgetful(Memory, usize);

impl Target for Forgetful {
    fn name(&self) -> &str {
        "a forgetful device"
    }

    fn capacity(&self) -> u64 {
        self.0.capacity()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut bytes = bytes.to_vec();
        if let Some(byte) = self.1.checked_sub(offset as usize).and_then(|at| bytes.get_mut(at)) {
            *byte = 0;
        }
        self.0.write_at(&bytes, offset)
    }

    fn write_zeros(&mut self, offset: u64, length: u64) -> Result<()> {
        self.0.write_zeros(offset, length)
    }

    fn sync(&mut self) -> Result<()> {
        self.0.sync()
    }

    fn finish(&mut self) -> Result<()> {
        self.0.finish()
    }
}

/// `--read-back` compared the head with itself, in memory, before it was written.
#[test]
fn a_head_that_the_device_did_not_keep_is_no_success() {
    for lost in [0, 4095, 4096, MIB - 1] {
        let mut target = HeadLast::begin(Forgetful(Memory::new(vec![0xff; SIZE]), lost)).unwrap();
        target.write_at(&[5; SIZE], 0).unwrap();
        let error = target.finish().unwrap_err();
        assert!(error.to_string().contains("does not read back"), "{error}");
        target.finish().unwrap_err();
        assert!(target.inner().0.bytes()[..MIB].iter().all(|&byte| byte == 0));
    }
}
