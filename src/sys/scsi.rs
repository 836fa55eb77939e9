//! What only the drive itself can tell, asked with SCSI commands through its device (Linux' `include/scsi/sg.h`).
#![allow(unsafe_code)] // for ioctl

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc::{c_int, c_uchar, c_uint, c_ushort};

use crate::drive::DriveTransforms;

/// `sg_io_hdr` of `include/scsi/sg.h`.
#[repr(C)]
struct Request {
    interface: c_int,
    direction: c_int,
    command_bytes: c_uchar,
    sense_bytes: c_uchar,
    iovec_count: c_ushort,
    data_bytes: c_uint,
    data: *mut c_void,
    command: *const c_uchar,
    sense: *mut c_uchar,
    timeout_milliseconds: c_uint,
    flags: c_uint,
    pack_id: c_int,
    user: *mut c_void,
    status: c_uchar,
    masked_status: c_uchar,
    message_status: c_uchar,
    sense_written: c_uchar,
    host_status: c_ushort,
    driver_status: c_ushort,
    residual: c_int,
    duration: c_uint,
    info: c_uint,
}

mod ioctl {
    // SG_IO predates the encoding of direction and size.
    nix::ioctl_readwrite_bad!(sg_io, 0x2285, super::Request);
}

/// More than the longest answer that is looked at.
const ANSWER_BYTES: usize = 1024;

/// What the drive says of compression and encryption. Whatever it does not answer, or not to this user (`CAP_SYS_RAWIO`), is not told.
pub fn transforms(tape: &File) -> DriveTransforms {
    let compression = ask(tape, &mode_sense(COMPRESSION_PAGE)).ok().and_then(|answer| compression(&answer));
    let encryption = ask(tape, &security_protocol_in(ENCRYPTION_STATUS)).ok().and_then(|answer| encryption(&answer));
    DriveTransforms { compression, encryption }
}

/// Runs a command that gives data; the data.
fn ask(tape: &File, command: &[u8]) -> io::Result<Vec<u8>> {
    const FROM_DEVICE: c_int = -3;
    let (mut answer, mut sense) = (vec![0u8; ANSWER_BYTES], [0u8; 32]);
    let mut request = Request {
        interface: c_int::from(b'S'),
        direction: FROM_DEVICE,
        command_bytes: command.len() as c_uchar,
        sense_bytes: sense.len() as c_uchar,
        iovec_count: 0,
        data_bytes: ANSWER_BYTES as c_uint,
        data: answer.as_mut_ptr().cast(),
        command: command.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_milliseconds: 10_000,
        flags: 0,
        pack_id: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration: 0,
        info: 0,
    };
    // SAFETY: the request's pointers lead to `command`, `answer` and `sense`, which are as long as it says and live until the call returns.
    unsafe { ioctl::sg_io(tape.as_raw_fd(), &mut request) }?;
    if request.status != 0 || request.host_status != 0 {
        return Err(io::Error::other("the drive does not answer this"));
    }
    answer.truncate(ANSWER_BYTES.saturating_sub(request.residual.max(0) as usize));
    Ok(answer)
}

/// The mode page of data compression (SSC-5).
const COMPRESSION_PAGE: u8 = 0x0f;
/// The page of the data encryption status (SSC-5, tape data encryption security protocol).
const ENCRYPTION_STATUS: u16 = 0x0020;

/// MODE SENSE(10) (SPC-5), without block descriptors.
fn mode_sense(page: u8) -> [u8; 10] {
    let [high, low] = (ANSWER_BYTES as u16).to_be_bytes();
    [0x5a, 0x08, page, 0, 0, 0, 0, high, low, 0]
}

/// SECURITY PROTOCOL IN (SPC-5) of the protocol for tape data encryption.
fn security_protocol_in(page: u16) -> [u8; 12] {
    let ([page_high, page_low], [b0, b1, b2, b3]) = (page.to_be_bytes(), (ANSWER_BYTES as u32).to_be_bytes());
    [0xa2, 0x20, page_high, page_low, 0, 0, b0, b1, b2, b3, 0, 0]
}

/// Whether the mode page says that the drive compresses what is written: the bit DCE.
fn compression(answer: &[u8]) -> Option<bool> {
    let descriptors = u16::from_be_bytes([*answer.get(6)?, *answer.get(7)?]);
    let page = answer.get(8 + usize::from(descriptors)..)?;
    (page.first()? & 0x3f == COMPRESSION_PAGE).then_some(())?;
    page.get(2).map(|flags| flags & 0x80 != 0)
}

/// The identifier of the key with which the drive encrypts what is written; empty where the key has none, `None` where it does not encrypt.
fn encryption(answer: &[u8]) -> Option<String> {
    /// Where the list of the key's descriptors begins.
    const DESCRIPTORS: usize = 24;
    (answer.get(..2)? == ENCRYPTION_STATUS.to_be_bytes()).then_some(())?;
    let length = 4 + usize::from(u16::from_be_bytes([*answer.get(2)?, *answer.get(3)?]));
    let page = &answer[..length.min(answer.len())];
    // 1: it passes on what was encrypted elsewhere; 2: it encrypts.
    matches!(page.get(5)?, 1 | 2).then_some(())?;
    let mut rest = page.get(DESCRIPTORS..).unwrap_or_default();
    while let [kind, _, high, low, behind @ ..] = rest {
        let bytes = behind.get(..usize::from(u16::from_be_bytes([*high, *low]))).unwrap_or(behind);
        // Key-associated data, without and with authentication.
        if matches!(kind, 0 | 1) && !bytes.is_empty() {
            return Some(identifier(bytes));
        }
        rest = &behind[bytes.len()..];
    }
    Some(String::new())
}

/// As text where it is text, else in hexadecimal digits.
fn identifier(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |place| place + 1);
    match &bytes[..end] {
        text if text.iter().all(|byte| matches!(byte, b' '..=b'~')) => String::from_utf8_lossy(text).into_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(descriptors: &[u8], page: &[u8]) -> Vec<u8> {
        let mut answer = vec![0, 0, 0, 0, 0, 0, 0, descriptors.len() as u8];
        answer.extend_from_slice(descriptors);
        answer.extend_from_slice(page);
        answer
    }

    #[test]
    fn the_request_is_as_large_as_the_kernels() {
        #[cfg(target_pointer_width = "64")]
        assert_eq!(size_of::<Request>(), 88);
    }

    #[test]
    fn compression_is_the_first_bit_of_its_page() {
        assert_eq!(compression(&mode(&[], &[0x0f, 14, 0xc0, 0x80])), Some(true));
        assert_eq!(compression(&mode(&[1; 8], &[0x8f, 14, 0x40, 0x80])), Some(false));
        assert_eq!(compression(&mode(&[], &[0x10, 14, 0xc0])), None);
        let whole = mode(&[1; 8], &[0x0f, 14, 0xc0]);
        (0..whole.len()).for_each(|length| assert_eq!(compression(&whole[..length]), None));
    }

    /// A page of data encryption status with this mode and these descriptors of a key.
    fn status(mode: u8, descriptors: &[(u8, &[u8])]) -> Vec<u8> {
        let mut page = vec![0; 24];
        (page[1], page[5], page[6], page[7]) = (0x20, mode, mode, 1);
        for (kind, bytes) in descriptors {
            page.extend_from_slice(&[*kind, 0, 0, bytes.len() as u8]);
            page.extend_from_slice(bytes);
        }
        page[3] = (page.len() - 4) as u8;
        page
    }

    #[test]
    fn encryption_tells_the_identifier_of_the_key() {
        let told = |mode, descriptors: &[(u8, &[u8])]| encryption(&status(mode, descriptors));
        assert_eq!(told(0, &[(0, b"spring")]), None);
        assert_eq!(told(2, &[]).as_deref(), Some(""));
        assert_eq!(told(2, &[(0, b"spring 2026 \0")]).as_deref(), Some("spring 2026"));
        assert_eq!(told(1, &[(2, b"nonce"), (1, &[1, 0xab])]).as_deref(), Some("01ab"));
        assert_eq!(encryption(&mode(&[], &[0x0f; 16])), None);
    }

    #[test]
    fn a_page_that_is_cut_is_no_panic() {
        let whole = status(2, &[(3, b"meta"), (0, b"spring")]);
        for length in 0..whole.len() {
            let told = encryption(&whole[..length]);
            assert_eq!(told.is_some(), length > 5, "{length}");
        }
        assert_eq!(encryption(&[0, 0x20, 0xff, 0xff, 0, 2, 0, 0]).as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_drive_tells_nothing() {
        assert_eq!(transforms(&tempfile::tempfile().unwrap()), DriveTransforms::default());
    }

    #[test]
    fn commands_say_how_much_they_take() {
        assert_eq!(mode_sense(0x0f), [0x5a, 8, 0x0f, 0, 0, 0, 0, 4, 0, 0]);
        assert_eq!(security_protocol_in(0x20), [0xa2, 0x20, 0, 0x20, 0, 0, 0, 0, 4, 0, 0, 0]);
    }
}
