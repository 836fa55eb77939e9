//! Numbers, texts and UUIDs in a header; what lies behind the end of the bytes is `None`.

/// Whether these bytes stand at this offset.
pub(super) fn has(bytes: &[u8], offset: usize, magic: &[u8]) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

/// A little-endian number of 16 bits.
pub(super) fn le16(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_le_bytes)
}

/// A little-endian number of 32 bits.
pub(super) fn le32(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_le_bytes)
}

/// A little-endian number of 64 bits.
pub(super) fn le64(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u64::from_le_bytes)
}

/// So many bytes from here.
pub(super) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

/// A text of at most so many bytes, up to a zero byte and without blanks around it; `None` if it is empty or no UTF-8.
pub(super) fn text(bytes: &[u8], offset: usize, length: usize) -> Option<String> {
    let bytes = bytes.get(offset..offset.checked_add(length)?)?;
    let bytes = bytes.split(|&byte| byte == 0).next()?;
    clean(std::str::from_utf8(bytes).ok()?)
}

/// A text in little-endian UTF-16, of at most so many bytes.
pub(super) fn text_utf16(bytes: &[u8], offset: usize, length: usize) -> Option<String> {
    let bytes = bytes.get(offset..offset.checked_add(length)?)?;
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).take_while(|&unit| unit != 0);
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    clean(&text)
}

fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.contains(|c: char| c.is_control())).then(|| text.to_owned())
}

/// A UUID of 16 bytes in order; `None` if all are zero.
pub(super) fn uuid(bytes: &[u8], offset: usize) -> Option<String> {
    let uuid = uuid::Uuid::from_bytes(array(bytes, offset)?);
    (!uuid.is_nil()).then(|| uuid.to_string())
}

/// A GUID as Microsoft stores it: its first three fields little-endian.
pub(super) fn guid(bytes: &[u8], offset: usize) -> Option<String> {
    let uuid = uuid::Uuid::from_bytes_le(array(bytes, offset)?);
    (!uuid.is_nil()).then(|| uuid.to_string())
}

/// The serial number of a FAT or exFAT volume, as DOS prints it.
pub(super) fn volume_serial(bytes: &[u8], offset: usize) -> Option<String> {
    le32(bytes, offset)
        .filter(|&serial| serial != 0)
        .map(|serial| format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_end_is_nothing() {
        assert_eq!(le16(&[1], 0), None);
        assert_eq!(le64(&[1; 8], usize::MAX), None);
        assert_eq!(text(b"abc", 2, 2), None);
        assert_eq!(text_utf16(b"abc", usize::MAX, 2), None);
        assert!(!has(b"abc", 4, b""));
    }

    #[test]
    fn texts_end_at_a_zero_byte_and_lose_their_blanks() {
        assert_eq!(text(b" ab  \0cd", 0, 8).as_deref(), Some("ab"));
        assert_eq!(text(b"   \0", 0, 4), None);
        assert_eq!(text(b"\xff\xfe", 0, 2), None);
        assert_eq!(text_utf16(b"a\0\xe4\0\0\0", 0, 6).as_deref(), Some("aä"));
    }

    #[test]
    fn identifiers_are_printed_as_their_tools_do() {
        let bytes: Vec<u8> = (1..17).collect();
        assert_eq!(uuid(&bytes, 0).unwrap(), "01020304-0506-0708-090a-0b0c0d0e0f10");
        assert_eq!(guid(&bytes, 0).unwrap(), "04030201-0605-0807-090a-0b0c0d0e0f10");
        assert_eq!(volume_serial(&bytes, 0).unwrap(), "0403-0201");
        assert_eq!(uuid(&[0; 16], 0), None);
    }
}
