//! Sizes as people write and read them.

use std::num::NonZeroU64;

use byte_unit::{Byte, UnitType};

/// Reads a size: plain numbers are bytes, `K`, `M`, `G`, `T` and `KiB`, `MiB`… powers of 1024 (as lvcreate and
/// qemu-img have it), `KB`, `MB`… powers of 1000.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let explain =
        || format!("`{text}` is no size: give bytes, or a number with K, M, G, T (1024) or KB, MB, GB, TB (1000)");
    let unit_start = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let unit = unit.trim_start();
    // Left to itself, byte-unit takes a lone letter as a power of 1000.
    let unit = match unit {
        "" | "b" | "B" => "B".to_owned(),
        letter if letter.len() == 1 => format!("{letter}iB"),
        unit => unit.to_owned(),
    };
    // Bytes cannot be split; byte-unit would round them up.
    if unit == "B" && number.contains('.') {
        return Err(explain());
    }
    Byte::parse_str(format!("{number}{unit}"), true).map(Byte::as_u64).map_err(|_| explain())
}

/// Reads a size of at least one byte for each second, with or without `/s` behind it.
pub fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let rate = NonZeroU64::new(parse(text.strip_suffix("/s").unwrap_or(text))?);
    rate.ok_or_else(|| "at a rate of 0 it would never end".to_owned())
}

/// A size in the largest unit that leaves a whole number before the point: `4.2 GiB`.
pub fn short(bytes: u64) -> String {
    if bytes < 1024 {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    let adjusted = Byte::from_u64(bytes).get_appropriate_unit(UnitType::Binary);
    let number = format!("{:.1}", adjusted.get_value());
    format!("{} {}", number.strip_suffix(".0").unwrap_or(&number), adjusted.get_unit())
}

/// A size for people, and to the byte: `4.2 GiB (4509715660 bytes)`.
pub fn exact(bytes: u64) -> String {
    if bytes < 1024 { short(bytes) } else { format!("{} ({bytes} bytes)", short(bytes)) }
}

/// How many bytes went by each second, for people.
pub fn rate(bytes: u64, seconds: f64) -> String {
    // What took no measurable time has no rate worth more than its amount.
    format!("{}/s", short((bytes as f64 / seconds.max(0.001)) as u64))
}

/// A duration for people: `0.4 s`, `41 s`, `12 min 3 s`, `3 h 20 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_lvcreate_and_qemu_img_do() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("4096b", 4096),
            ("4096B", 4096),
            ("4k", 4 << 10),
            ("4K", 4 << 10),
            ("4 MiB", 4 << 20),
            ("4mib", 4 << 20),
            ("1.5G", 3 << 29),
            ("2T", 2 << 40),
            ("1P", 1 << 50),
            ("4KB", 4000),
            ("4 MB", 4_000_000),
            ("1GB", 1_000_000_000),
            (" 1TB ", 1_000_000_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in
            ["", "M", "-1", "1.5", "1.5B", "1..5G", "4X", "4 MM", "1e6", "99999999999999999999", "999999T5", "0x10"]
        {
            let error = parse(text).unwrap_err();
            assert!(error.contains("is no size"), "{text}: {error}");
        }
    }

    #[test]
    fn reads_rates() {
        assert_eq!(parse_rate("10M").map(NonZeroU64::get), Ok(10 << 20));
        assert_eq!(parse_rate("10MB/s").map(NonZeroU64::get), Ok(10_000_000));
        assert!(parse_rate("0").is_err());
    }

    #[test]
    fn prints_for_people_and_to_the_byte() {
        assert_eq!(exact(4_509_715_660), "4.2 GiB (4509715660 bytes)");
        assert_eq!(exact(10 << 30), "10 GiB (10737418240 bytes)");
        assert_eq!(exact(1), "1 byte");
        assert_eq!(exact(511), "511 bytes");
        assert_eq!(short(1025), "1 KiB");
        assert_eq!(short(1536), "1.5 KiB");
        assert_eq!(rate(3 << 20, 2.0), "1.5 MiB/s");
    }

    #[test]
    fn prints_durations() {
        let cases = [
            (0.04, "0.0 s"),
            (0.4, "0.4 s"),
            (41.2, "41 s"),
            (59.9, "1 min 0 s"),
            (723.0, "12 min 3 s"),
            (12_000.0, "3 h 20 min"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
