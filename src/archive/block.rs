//! A member's tar blocks: the one spelling of its two headers (format-spec, section 2).

use super::limit;
use super::member::{MemberKind, Record};
use super::text::push_number;

/// The block of a tar, in bytes.
pub const BLOCK: usize = 512;

/// A block of zeros: padding, and the end of a tar.
pub static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// The zeros that fill the last block of so many bytes.
pub fn padding(length: u64) -> &'static [u8] {
    &ZEROS[..(BLOCK - (length % BLOCK as u64) as usize) % BLOCK]
}

/// `length` with its padding.
pub fn padded(length: u64) -> u64 {
    length.next_multiple_of(BLOCK as u64)
}

/// One header block.
///
/// `path` has at most 99 bytes and `size` at most 11 octal digits: names are made by [`MemberKind`], sizes are bounded by [`limit`].
fn header(path: &[u8], kind: tar::EntryType, size: u64, mtime: u64) -> [u8; BLOCK] {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(mtime);
    header.set_entry_type(kind);
    header.set_cksum();
    *header.as_bytes()
}

/// A pax record: its own length in decimal, a blank, `comment=`, the value, a newline.
pub fn pax_record(value: &[u8]) -> Vec<u8> {
    let rest = b" comment=".len() + value.len() + b"\n".len();
    // The length counts its own digits: one more digit may make it one digit longer.
    let digits = |length: usize| length.to_string().len();
    let length = rest + digits(rest + digits(rest));
    let mut record = Vec::with_capacity(length);
    push_number(&mut record, length as u64);
    record.extend_from_slice(b" comment=");
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

/// Makes the headers of one archive's members.
#[derive(Clone, Debug)]
pub struct HeaderMaker {
    id: String,
    mtime: u64,
}

impl HeaderMaker {
    /// For the members of the archive `id`, made at `mtime` seconds after 1970.
    pub fn new(id: &str, mtime: u64) -> Self {
        Self { id: id.to_owned(), mtime }
    }

    /// Appends everything that stands before a member's stored bytes: its `x` header with the record, and its own header.
    pub fn push(&self, headers: &mut Vec<u8>, kind: &MemberKind, record: &Record, stored_bytes: u64) {
        let mut value = Vec::with_capacity(192);
        record.push(&mut value);
        let pax = pax_record(&value);
        let mut path = Vec::with_capacity(100);
        path.extend_from_slice(self.id.as_bytes());
        path.push(b'/');
        kind.push_path(&mut path);
        let last = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let pax_path = [self.id.as_bytes(), b"/PaxHeaders/", &path[last..]].concat();
        headers.extend_from_slice(&header(&pax_path, tar::EntryType::XHeader, pax.len() as u64, self.mtime));
        headers.extend_from_slice(&pax);
        headers.extend_from_slice(padding(pax.len() as u64));
        headers.extend_from_slice(&header(&path, tar::EntryType::Regular, stored_bytes, self.mtime));
    }
}

/// What a header block says, as far as it must be known before the whole can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawHeader {
    /// The name field.
    pub path: String,
    /// The size field.
    pub size: u64,
    /// The mtime field.
    pub mtime: u64,
}

/// Reads a header block of this type, if it is spelled exactly as [`HeaderMaker`] spells it.
pub fn parse_header(block: &[u8; BLOCK], kind: tar::EntryType) -> Option<RawHeader> {
    let name_length = block[..100].iter().position(|byte| *byte == 0)?;
    let path = std::str::from_utf8(&block[..name_length]).ok()?;
    let size = octal(&block[124..135])?;
    let mtime = octal(&block[136..147])?;
    (*block == header(path.as_bytes(), kind, size, mtime)).then(|| RawHeader { path: path.to_owned(), size, mtime })
}

/// Whether this is a header of some tar, whoever wrote it: its checksum is right.
pub fn is_tar_header(block: &[u8; BLOCK]) -> bool {
    let header = tar::Header::from_byte_slice(block);
    let mut summed = header.clone();
    summed.set_cksum();
    header.cksum().is_ok_and(|sum| summed.cksum().is_ok_and(|right| sum == right))
}

fn octal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => Some(number << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

/// The value of a payload that holds the single record `comment`.
pub fn parse_pax(payload: &[u8]) -> Option<&[u8]> {
    let blank = payload.iter().take(5).position(|byte| *byte == b' ')?;
    let value = payload[blank..].strip_prefix(b" comment=")?.strip_suffix(b"\n")?;
    (pax_record(value) == payload).then_some(value)
}

/// The longest payload of an `x` header: four digits, the key and the newline stand around the record.
pub const PAX_MAX: u64 = limit::RECORD as u64 + "dddd comment=\n".len() as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pax_record_counts_its_own_length() {
        for length in (0..300).chain(900..1100) {
            let value = vec![b'x'; length];
            let record = pax_record(&value);
            assert!(record.starts_with(record.len().to_string().as_bytes()), "{length}");
            assert_eq!(parse_pax(&record), Some(&value[..]));
        }
        assert_eq!(parse_pax(b"012 comment=\n"), None);
        assert_eq!(parse_pax(b"12 comment=\n12 comment=\n"), None);
    }

    /// The tar crate is the oracle for what other programs will see.
    #[test]
    fn the_tar_crate_reads_our_headers() {
        let mut bytes = Vec::new();
        let record = Record { seq: 3, length: 5, ..Record::default() };
        HeaderMaker::new("0193f000-0000-7000-8000-000000000000", 1_700_000_000).push(
            &mut bytes,
            &MemberKind::End,
            &record,
            5,
        );
        bytes.extend_from_slice(b"hello");
        bytes.extend_from_slice(padding(5));
        bytes.extend_from_slice(&[0; 2 * BLOCK]);
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("0193f000-0000-7000-8000-000000000000/end.json"));
        assert_eq!(
            (entry.size(), entry.header().mtime().unwrap(), entry.header().mode().unwrap()),
            (5, 1_700_000_000, 0o644)
        );
        let extensions = entry.pax_extensions().unwrap().unwrap().next().unwrap().unwrap();
        assert_eq!((extensions.key(), extensions.value()), (Ok("comment"), Ok(r#"{"blocktar":1,"seq":3,"length":5}"#)));
    }

    #[test]
    fn any_changed_bit_of_a_header_is_noticed() {
        let sound = header(b"id/end.json", tar::EntryType::Regular, 1234, 5678);
        let parsed = parse_header(&sound, tar::EntryType::Regular).unwrap();
        assert_eq!((parsed.path.as_str(), parsed.size, parsed.mtime), ("id/end.json", 1234, 5678));
        for bit in 0..BLOCK * 8 {
            let mut block = sound;
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_header(&block, tar::EntryType::Regular), None, "bit {bit}");
        }
        let mut swapped = sound;
        swapped.swap(3, 4);
        assert_ne!(parse_header(&swapped, tar::EntryType::Regular).map(|raw| raw.path), Some("id/end.json".into()));
    }
}
