//! `--until`: up to which archive a chain is restored.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Which state of a chain is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// That of the archive whose id begins so.
    Id(String),
    /// The last that was backed up at this time or before.
    Time(Timestamp),
}

/// An id as it begins, or a time: a day, which counts whole, or a day and a time, UTC unless an offset follows.
impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is neither the beginning of an id nor a time: give 0193f000, 2026-03-01 or 2026-03-01T12:00:00Z"
            )
        };
        // The first dash of an id is its ninth character, that of a year its fifth.
        if text.as_bytes().get(4) != Some(&b'-') {
            let id = text.to_ascii_lowercase();
            let sound = !id.is_empty() && id.len() <= 36 && id.chars().all(|one| one.is_ascii_hexdigit() || one == '-');
            return if sound { Ok(Self::Id(id)) } else { Err(wrong()) };
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::Time(time));
        }
        let is_day = text.len() == "2026-03-01".len();
        let civil = match is_day {
            true => text.parse::<Date>().and_then(|day| {
                let next = day.to_datetime(jiff::civil::Time::midnight()).checked_add(Span::new().days(1))?;
                next.checked_sub(Span::new().seconds(1))
            }),
            false => text.parse::<DateTime>(),
        };
        let time = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC)).map_err(|_| wrong())?;
        Ok(Self::Time(time.timestamp()))
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "the archive {id}"),
            Self::Time(time) => write!(f, "{time}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_time_are_told_apart() {
        let time = |text: &str| Ok(Until::Time(text.parse().unwrap()));
        assert_eq!("0193F000".parse(), Ok(Until::Id("0193f000".to_owned())));
        assert_eq!("01931231".parse(), Ok(Until::Id("01931231".to_owned())), "no day of the year 193");
        assert_eq!("0193f000-0000-7".parse(), Ok(Until::Id("0193f000-0000-7".to_owned())));
        assert_eq!("2026-03-01T12:00:00Z".parse(), time("2026-03-01T12:00:00Z"));
        assert_eq!("2026-03-01T12:00:00+02:00".parse(), time("2026-03-01T10:00:00Z"));
        assert_eq!("2026-03-01 12:30".parse(), time("2026-03-01T12:30:00Z"));
        assert_eq!("2026-03-01".parse(), time("2026-03-01T23:59:59Z"));
        for wrong in ["", "2026-13-01", "2026-03-01T99:00", "inc1.tar", "yesterday", &"0".repeat(37)] {
            assert!(wrong.parse::<Until>().is_err(), "{wrong}");
        }
    }
}
