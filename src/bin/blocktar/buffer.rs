//! The buffer in front of a drive: how large it is, and what is said of it at the end.

use blocktar::error::{Error, Result};
use blocktar::stream::Output;
use blocktar::sys::memory;
use blocktar::water::Flow;
use serde_json::{Value, json};

use crate::arguments::BufferArguments;
use crate::progress_line::milliseconds;
use crate::{sizes, summary};

/// Without a word of the user: a quarter of what is free, and no more than this. A machine that has more has other work for it.
const DEFAULT_MAX_BYTES: u64 = 4 << 30;
/// Where the system does not tell how much is free.
const DEFAULT_BYTES: u64 = 256 << 20;

/// How much to hold back for this output; `None` for nothing.
///
/// # Errors
/// More than the memory that is free: the system would end some process, this one as a rule, in the middle of the backup.
pub fn size(arguments: BufferArguments, output: &dyn Output) -> Result<Option<u64>> {
    let free_bytes = memory::available_bytes();
    let Some(wanted_bytes) = arguments.buffer else {
        let share_bytes = free_bytes.map_or(DEFAULT_BYTES, |free_bytes| (free_bytes / 4).min(DEFAULT_MAX_BYTES));
        return Ok(output.must_not_run_dry().then_some(share_bytes));
    };
    if let Some(free_bytes) = free_bytes.filter(|free_bytes| wanted_bytes > *free_bytes) {
        let request = format!("hold back {}", sizes::short(wanted_bytes));
        let why = format!("only {} of memory can be had", sizes::short(free_bytes));
        let remedy = format!("leave some of it to others: --buffer {}M", (free_bytes / 2) >> 20);
        return Err(Error::refused(request, why, Some(remedy)));
    }
    if Vec::<u8>::new().try_reserve_exact(usize::try_from(wanted_bytes).unwrap_or(usize::MAX)).is_err() {
        return Err(blocktar::water::no_memory(wanted_bytes));
    }
    Ok((wanted_bytes > 0).then_some(wanted_bytes))
}

/// The line that says how the drive fared.
pub fn line(flow: &Flow, archive_bytes: u64) -> String {
    let waits = match flow.waits {
        0 => "the drive never had to wait".to_owned(),
        waits => {
            let waited = sizes::duration(flow.waited.as_secs_f64());
            format!(
                "the drive had to wait {}, {waited} in all",
                if waits == 1 { "once".to_owned() } else { format!("{waits} times") }
            )
        }
    };
    let rate = sizes::rate(archive_bytes, flow.lasted.as_secs_f64());
    let sufficient = sizes::short(flow.sufficient_bytes);
    summary::line(
        "buffer",
        &format!("{}; {waits}; {rate} on average; {sufficient} would have sufficed", sizes::short(flow.capacity_bytes)),
    )
}

/// The same for programs; null where there was no buffer.
pub fn value(flow: Option<&Flow>, archive_bytes: u64) -> Value {
    flow.map_or(Value::Null, |flow| {
        let lasted = flow.lasted.as_secs_f64();
        json!({
            "bytes": flow.capacity_bytes,
            "waits": flow.waits,
            "waited_seconds": milliseconds(flow.waited.as_secs_f64()),
            "lasted_seconds": milliseconds(lasted),
            "bytes_per_second": (archive_bytes as f64 / lasted.max(0.001)) as u64,
            "sufficient_bytes": flow.sufficient_bytes,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn how_the_drive_fared_is_told_in_words_and_numbers() {
        let flow = Flow {
            capacity_bytes: 1 << 30,
            waits: 12,
            waited: Duration::from_millis(34_000),
            lasted: Duration::from_secs(100),
            sufficient_bytes: 3 << 30,
        };
        let text = line(&flow, 100 << 30);
        let expected =
            "1 GiB; the drive had to wait 12 times, 34 s in all; 1 GiB/s on average; 3 GiB would have sufficed";
        assert!(text.ends_with(expected), "{text}");
        assert!(line(&Flow { waits: 1, ..flow }, 1).contains("had to wait once, 34 s in all"));
        assert!(line(&Flow { waits: 0, ..flow }, 1).contains("; the drive never had to wait; "));
        let told = value(Some(&flow), 100 << 30);
        assert_eq!(
            told,
            json!({"bytes": 1 << 30, "waits": 12, "waited_seconds": 34.0, "lasted_seconds": 100.0, "bytes_per_second": 1 << 30, "sufficient_bytes": 3u64 << 30})
        );
        assert_eq!(value(None, 1), Value::Null);
    }
}
