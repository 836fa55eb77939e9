//! What an archive holds, for people and for programs.

use std::time::Instant;

use blocktar::archive::{BackupInfo, End};
use blocktar::extent::Range;
use blocktar::ranges::RangeList;
pub use blocktar::sys::terminal::printable;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit_code::ExitCode;
use crate::progress_line::{milliseconds, ratio};
use crate::sizes;

/// What a command leaves for programs; `details` are added as they are.
pub fn for_programs(command: &str, code: ExitCode, begun: Instant, details: Value) -> Value {
    let summary = json!({
        "command": command,
        "exit_code": code.number(),
        "elapsed_seconds": milliseconds(begun.elapsed().as_secs_f64()),
    });
    joined([summary, details])
}

/// The fields of all these objects, in one.
pub fn joined<const N: usize>(objects: [Value; N]) -> Value {
    objects
        .into_iter()
        .filter_map(|object| if let Value::Object(fields) = object { Some(fields) } else { None })
        .flatten()
        .collect()
}

/// Byte ranges for programs.
pub fn ranges_value(ranges: &[Range]) -> Value {
    ranges.iter().map(|range| json!({"offset": range.start, "length": range.length})).collect()
}

/// The fields that tell a list of this name: the ranges that it holds, how many more there are, and the bytes of all.
pub fn list_value(name: &str, list: &RangeList) -> Value {
    json!({
        name: ranges_value(list.kept()),
        format!("{name}_left_out"): list.left_out(),
        format!("{name}_bytes"): list.bytes(),
    })
}

/// A structure of the archive with the names of the specification.
pub fn value(structure: &impl Serialize) -> Value {
    // All of them are plain data: there is nothing in them that JSON could not say.
    serde_json::to_value(structure).unwrap_or(Value::Null)
}

/// The end member without its copy of backup-info, which stands beside it.
pub fn end_value(end: &End) -> Value {
    let mut end = value(end);
    if let Value::Object(fields) = &mut end {
        fields.shift_remove("backup_info");
    }
    end
}

/// The word that the specification has for a plain value: `full` for a kind.
pub fn word(structure: &impl Serialize) -> String {
    value(structure).as_str().unwrap_or("unknown").to_owned()
}

/// How long it took, and how fast the data went.
pub fn pace(begun: Instant, data_bytes: u64) -> String {
    let seconds = begun.elapsed().as_secs_f64();
    format!("in {}, {} of data", sizes::duration(seconds), sizes::rate(data_bytes, seconds))
}

/// The lines that say what an archive holds.
pub fn amounts(info: &BackupInfo, end: &End) -> Vec<String> {
    let mut stored = format!("{} in {}", sizes::short(end.data_bytes), count(end.data_members, "member"));
    if let Some(ratio) = ratio(end.data_bytes, end.stored_bytes) {
        stored += &format!(", stored as {} (ratio {ratio:.2}, {})", sizes::short(end.stored_bytes), info.compression);
    }
    let mut lines = vec![line("device", &sizes::exact(info.device.size_bytes)), line("data", &stored)];
    match &info.parent {
        None => lines.push(line("zeros", &format!("{} skipped", sizes::short(end.zero_bytes)))),
        Some(parent) => {
            lines.push(line("zeros", &sizes::short(end.zero_bytes)));
            lines.push(line("unchanged", &format!("{} since {}", sizes::short(unchanged_bytes(info, end)), parent.id)));
        }
    }
    if end.bad_members > 0 {
        let bad = format!("{} in {} could not be read", sizes::exact(end.bad_bytes), count(end.bad_members, "range"));
        lines.push(line("bad", &bad));
    }
    lines
}

/// What an archive leaves to its parent.
pub fn unchanged_bytes(info: &BackupInfo, end: &End) -> u64 {
    info.device.size_bytes.saturating_sub(end.data_bytes + end.zero_bytes + end.bad_bytes)
}

/// A number of things: `1 range`, `2 ranges`.
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// One line of a summary.
pub fn line(label: &str, text: &str) -> String {
    format!("  {label:<11} {}", printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_stand_behind_what_all_commands_say() {
        let summary = for_programs("verify", ExitCode::Damaged, Instant::now(), json!({"faults": []}));
        let keys: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["command", "exit_code", "elapsed_seconds", "faults"]);
        assert_eq!(summary["exit_code"], 5);
    }
}
