//! How slowly a tape can run.

/// The lowest speed to which a drive of full height slows down on a cartridge of this density, in bytes a second (IBM, "Speed matching"; of LTO-5 and 6
/// nobody vouches for a number, and drives of half height go no slower).
pub fn slowest_rate(density: u8) -> Option<u64> {
    match density {
        0x5c => Some(101_500_000),
        0x5e => Some(112_000_000),
        0x60 => Some(177_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_told() {
        assert_eq!([0, 0x5c, 0x5e, 0x60, 0x62].map(slowest_rate).iter().flatten().count(), 3);
        assert_eq!(slowest_rate(0x60), Some(177_000_000));
    }
}
