//! Partition tables.

use super::Signature;
use super::fields::{guid, has, le32};

/// GPT, else a DOS table.
pub(super) fn detect(head: &[u8]) -> Option<Signature> {
    // UEFI specification, 5.3.2: the header is in the second sector, its GUID at 56.
    let gpt = [512, 4096].into_iter().find(|&sector| has(head, sector, b"EFI PART"));
    if let Some(header) = gpt {
        return Some(Signature::new("gpt").uuid(guid(head, header + 56)));
    }
    dos(head)
}

/// The boot record: four entries of 16 bytes from 446 on, a mark at 510, since Windows NT a disk number at 440.
///
/// The mark alone is also that of a boot sector; so each entry must be one, and one of them must be used.
fn dos(head: &[u8]) -> Option<Signature> {
    if !has(head, 510, &[0x55, 0xaa]) {
        return None;
    }
    let entries = head.get(446..510)?.as_chunks::<16>().0;
    let is_entry = |entry: &[u8; 16]| entry[0] & 0x7f == 0;
    let is_used = |entry: &[u8; 16]| entry[4] != 0 && le32(entry, 12).is_some_and(|sectors| sectors != 0);
    if !entries.iter().all(is_entry) || !entries.iter().any(is_used) {
        return None;
    }
    let number = le32(head, 440).filter(|&number| number != 0).map(|number| format!("{number:08x}"));
    Some(Signature::new("dos").uuid(number))
}
