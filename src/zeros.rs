//! Whether bytes are zero; pure.

/// Blocks of this size are looked at as a whole.
const BLOCK_BYTES: usize = 4096;

/// Whether all bytes are zero.
///
/// The fold has no early exit within a block, so that it becomes vector code; most blocks with data are left after their first 64 bytes.
pub fn is_zero(bytes: &[u8]) -> bool {
    let (first, rest) = bytes.split_at(bytes.len().min(64));
    let any = |bytes: &[u8]| bytes.iter().fold(0, |any, byte| any | byte) != 0;
    !any(first) && rest.chunks(BLOCK_BYTES).all(|chunk| !any(chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_at_any_place_is_not_zero() {
        for length in [1, 2, 63, 64, 65, 4095, 4096, 4097, 9000] {
            assert!(is_zero(&vec![0; length]));
            for place in 0..length {
                let mut bytes = vec![0; length];
                bytes[place] = 1;
                assert!(!is_zero(&bytes), "{place} of {length}");
            }
        }
        assert!(is_zero(&[]));
    }
}
