//! The commands of Linux' tape driver (st(4)), with numbers and structures as in `include/uapi/linux/mtio.h`.
#![allow(unsafe_code)] // for ioctl

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{c_int, c_long, c_short};

use super::block::{DeviceNumber, FileKind, file_kind};
use super::errno::EIO;
use crate::drive::DriveStatus;

/// What `MTIOCTOP` takes.
#[repr(C)]
struct Operation {
    code: c_short,
    count: c_int,
}

/// What `MTIOCGET` gives.
#[repr(C)]
#[derive(Default)]
struct Status {
    kind: c_long,
    residual: c_long,
    registers: c_long,
    flags: c_long,
    errors: c_long,
    file: c_int,
    block: c_int,
}

mod ioctl {
    use super::{Operation, Status};
    use nix::libc::c_long;

    nix::ioctl_write_ptr!(mtioctop, b'm', 1, Operation);
    nix::ioctl_read!(mtiocget, b'm', 2, Status);
    nix::ioctl_read!(mtiocpos, b'm', 3, c_long);
}

/// A command of `MTIOCTOP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Command {
    /// MTFSF: behind so many filemarks.
    ForwardFiles = 1,
    /// MTBSF: before so many filemarks backward.
    BackwardFiles = 2,
    /// MTFSR: over so many records.
    ForwardRecords = 3,
    /// MTBSR: back over so many records.
    BackwardRecords = 4,
    /// MTWEOF: write so many filemarks, and bring everything to the medium.
    WriteFilemarks = 5,
    /// MTREW: to the beginning.
    Rewind = 6,
    /// MTNOP: nothing.
    Nothing = 8,
    /// MTOFFL: rewind and give the cartridge out.
    Unload = 7,
    /// MTEOM: behind everything that is recorded.
    EndOfData = 12,
    /// MTSETBLK: block size; 0 for variable mode.
    SetBlockBytes = 20,
    /// MTSEEK: to an address.
    Seek = 22,
    /// MTLOAD: take the cartridge in.
    Load = 30,
}

/// Runs a command.
pub fn run(tape: &File, command: Command, count: i32) -> io::Result<()> {
    let operation = Operation { code: command as c_short, count };
    again(|| {
        // SAFETY: MTIOCTOP reads one `struct mtop` from the given place.
        unsafe { ioctl::mtioctop(tape.as_raw_fd(), &operation) }
    })
}

/// The address of the next record; an error of a drive that has none.
pub fn address(tape: &File) -> io::Result<u32> {
    let mut address: c_long = 0;
    again(|| {
        // SAFETY: MTIOCPOS writes one `struct mtpos`, which is a long, to the given place.
        unsafe { ioctl::mtiocpos(tape.as_raw_fd(), &mut address) }
    })?;
    u32::try_from(address).map_err(|_| io::Error::other(format!("the drive tells the address {address}")))
}

/// What the driver tells of the drive and of where it stands.
pub fn status(tape: &File) -> io::Result<DriveStatus> {
    let status = ask(tape)?;
    let mut told = told(&status, || is_of_tgtd(tape));
    // Older drivers refuse this status too behind a reset. Newer ones give it, with both counts unknown, and refuse any command but one that says where to go.
    let unknown = told.online && status.file < 0 && status.block < 0;
    told.position_lost =
        unknown && run(tape, Command::Nothing, 1).is_err_and(|cause| cause.raw_os_error() == Some(EIO));
    Ok(told)
}

/// Whether the drive holds no cartridge: not even one that is still being loaded.
pub fn is_empty(tape: &File) -> io::Result<bool> {
    const DOOR_OPEN: c_long = 0x0004_0000;
    ask(tape).map(|status| status.flags & DOOR_OPEN != 0)
}

fn ask(tape: &File) -> io::Result<Status> {
    let mut status = Status::default();
    again(|| {
        // SAFETY: MTIOCGET writes one `struct mtget` to the given place.
        unsafe { ioctl::mtiocget(tape.as_raw_fd(), &mut status) }
    })?;
    Ok(status)
}

/// A signal may come while the driver waits for its turn; then nothing was done.
fn again(mut call: impl FnMut() -> nix::Result<c_int>) -> io::Result<()> {
    loop {
        match call() {
            Err(nix::errno::Errno::EINTR) => {}
            other => return other.map(drop).map_err(io::Error::from),
        }
    }
}

/// A file number beyond this is one that the driver has lost count of: MTEOM makes it go over as many filemarks as it can, and not every drive says how many
/// there were.
const FILES_MAX: u32 = 1 << 20;

/// Whether the drive is one of tgtd's, by the vendor that it names.
fn is_of_tgtd(tape: &File) -> bool {
    let Ok(FileKind::Character(DeviceNumber { major, minor })) = tape.metadata().map(|metadata| file_kind(&metadata))
    else {
        return false;
    };
    let vendor = std::fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/device/vendor"));
    vendor.is_ok_and(|vendor| vendor.trim() == "IET")
}

fn told(status: &Status, is_of_tgtd: impl FnOnce() -> bool) -> DriveStatus {
    let flag = |bit: c_long| status.flags & bit != 0;
    let near_end = flag(0x2000_0000);
    // Behind everything, tgtd's drives read records of whatever their memory holds, and on a blank cartridge and behind what was appended they call that the end
    // of the medium, of which they give no warning where anything is recorded. On others a tape file may be there.
    let behind_everything = near_end && is_of_tgtd();
    DriveStatus {
        online: flag(0x0100_0000),
        write_protected: flag(0x0400_0000),
        at_beginning: flag(0x4000_0000),
        at_end_of_data: flag(0x0800_0000) || behind_everything,
        behind_filemark: flag(0x8000_0000),
        near_end,
        block_bytes: (status.registers & 0xff_ffff) as u32,
        file: u32::try_from(status.file).ok().filter(|file| *file < FILES_MAX),
        record: u32::try_from(status.block).ok(),
        density: (status.registers >> 24 & 0xff) as u8,
        position_lost: false,
    }
}

/// Whether a descriptor can be read, and whether it can be written.
pub fn access(file: &File) -> io::Result<(bool, bool)> {
    let flags = OFlag::from_bits_truncate(fcntl(file, FcntlArg::F_GETFL)?) & OFlag::O_ACCMODE;
    Ok((flags != OFlag::O_WRONLY, flags != OFlag::O_RDONLY))
}

/// Opens without waiting for a cartridge: `O_NONBLOCK` (st(4)).
pub const WITHOUT_CARTRIDGE: i32 = OFlag::O_NONBLOCK.bits();

/// One of the nodes of a tape drive (Linux' `Documentation/scsi/st.rst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapeNode {
    /// Number of the drive.
    pub drive: u64,
    /// Whether closing the node rewinds the tape.
    pub rewinds: bool,
    /// The mode, of which each drive has four.
    mode: u64,
}

impl TapeNode {
    /// The node that this file is, if it is one of a tape drive.
    pub fn of(kind: FileKind) -> Option<Self> {
        let FileKind::Character(DeviceNumber { minor, .. }) = kind else { return None };
        // Bit 7 keeps the tape where it is, bits 5 and 6 are the mode, all else the drive's number.
        let node = Self { drive: minor >> 8 << 5 | minor & 0x1f, rewinds: minor & 0x80 == 0, mode: minor >> 5 & 3 };
        kind.is_tape().then_some(node)
    }

    /// The path of the node of the same drive and mode that does not rewind.
    pub fn path_without_rewind(self) -> String {
        format!("/dev/nst{}{}", self.drive, ["", "l", "m", "a"][self.mode as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_are_as_large_as_the_kernels() {
        assert_eq!((size_of::<Operation>(), size_of::<Status>()), (8, 5 * size_of::<c_long>() + 8));
    }

    /// The numbers are those that GNU mt and st agree upon on 64-bit machines.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_requests_have_the_kernels_numbers() {
        assert_eq!(nix::request_code_write!(b'm', 1, size_of::<Operation>()), 0x4008_6d01);
        assert_eq!(nix::request_code_read!(b'm', 2, size_of::<Status>()), 0x8030_6d02);
        assert_eq!(nix::request_code_read!(b'm', 3, size_of::<c_long>()), 0x8008_6d03);
    }

    #[test]
    fn status_is_taken_apart() {
        let flags = [
            (0x4101_0000, "beginning"),
            (0x8101_0000, "filemark"),
            (0x0901_0000, "end of data"),
            (0x2501_0000, "near end, protected"),
            (0x0005_0000, "empty"),
        ];
        let words = flags.map(|(flags, _)| {
            let status = told(&Status { flags, ..Status::default() }, || false);
            let words = [
                (status.at_beginning, "beginning"),
                (status.behind_filemark, "filemark"),
                (status.at_end_of_data, "end of data"),
                (status.near_end, "near end"),
                (status.write_protected, "protected"),
                (!status.online, "empty"),
            ];
            words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(words, flags.map(|(_, words)| words));
        // A tape file of which one record was read begins near the end, or tgtd's drives invented that record.
        let near_end = Status { flags: 0x2101_0000, block: 1, file: 3, ..Status::default() };
        assert_eq!([true, false].map(|is_of_tgtd| told(&near_end, || is_of_tgtd).at_end_of_data), [true, false]);
        assert_eq!(told(&Status { file: 8_388_608, ..Status::default() }, || false).file, None);
        let status = told(&Status { registers: 0x6000_0200, file: 3, block: -1, ..Status::default() }, || false);
        assert_eq!((status.block_bytes, status.density), (512, 0x60));
        assert_eq!((status.file, status.record), (Some(3), None));
    }

    #[test]
    fn nodes_are_told_by_their_numbers() {
        let node = |major, minor| TapeNode::of(FileKind::Character(DeviceNumber { major, minor }));
        let name = |minor| node(9, minor).map(|node| (node.rewinds, node.path_without_rewind()));
        assert_eq!(name(0), Some((true, "/dev/nst0".to_owned())));
        assert_eq!(name(128), Some((false, "/dev/nst0".to_owned())));
        assert_eq!(name(1 + 96), Some((true, "/dev/nst1a".to_owned())));
        assert_eq!(name(256 + 3), Some((true, "/dev/nst35".to_owned())));
        assert_eq!(node(8, 128), None);
        assert_eq!(TapeNode::of(FileKind::Block(DeviceNumber { major: 9, minor: 0 })), None);
    }

    #[test]
    fn access_is_that_of_the_descriptor() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let opened = |read, write| access(&File::options().read(read).write(write).open(path.path()).unwrap()).unwrap();
        assert_eq!(
            [opened(true, false), opened(false, true), opened(true, true)],
            [(true, false), (false, true), (true, true)]
        );
    }

    #[test]
    fn what_is_no_tape_says_so() {
        let file = tempfile::tempfile().unwrap();
        let numbers =
            [run(&file, Command::Rewind, 1).unwrap_err(), address(&file).unwrap_err(), status(&file).unwrap_err()];
        assert_eq!(numbers.map(|error| error.raw_os_error()), [Some(nix::libc::ENOTTY); 3]);
    }
}
