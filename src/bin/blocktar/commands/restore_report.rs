//! What `restore` says: what it would do, and what it did.

use std::time::Instant;

use blocktar::archive::{BackupInfo, Digest};
use blocktar::error::Result;
use blocktar::plan::{Plan, TargetFacts};
use blocktar::restore::RestoreSummary;
use serde_json::{Value, json};

use crate::arguments::RestoreArguments;
use crate::exit_code::ExitCode;
use crate::talk::{self, Talk};
use crate::{answer, sizes, summary};

/// Says what was done.
pub fn report(
    arguments: &RestoreArguments,
    input_name: &str,
    restored: &RestoreSummary,
    facts: &TargetFacts,
    talk: Talk,
    begun: Instant,
) -> Result<ExitCode> {
    let (target, info) = (arguments.target.display(), &restored.end.backup_info);
    restored.warnings.iter().for_each(|warning| talk::warn(warning));
    let mut lines = vec![format!("restored {target} {}", summary::pace(begun, restored.data_bytes))];
    lines.extend(amounts(arguments, restored, facts));
    match restored.chain.as_slice() {
        [_] => lines.push(summary::line("archive", input_name)),
        chain => lines.extend(chain.iter().map(|(name, end)| {
            let of = format!("{name}, {} of {}", end.backup_info.kind.name(), end.backup_info.created);
            summary::line("archive", &of)
        })),
    }
    lines.push(summary::line("id", &info.id));
    lines.extend(restored.end.digest.as_ref().map(|digest| summary::line("digest", &digest.to_string())));
    talk.say(&lines.join("\n"));

    let code = if restored.bad.is_empty() { ExitCode::Done } else { ExitCode::BadRanges };
    for range in talk::list_lines(&restored.bad) {
        let now = match (facts.capacity, restored.chain.len()) {
            (Some(_), 1) => "left as it was",
            (None, 1) => "reads as zero",
            _ => "left as the archives before it have it",
        };
        talk::warn(&format!("{now}, because it could not be read when it was backed up: {range}"));
    }
    if arguments.report.json {
        let chain = restored.chain.iter().map(|(name, end)| link_value(name, &end.backup_info, end.state));
        let told = json!({
            "archive": input_name,
            "chain": chain.collect::<Vec<_>>(),
            "target": arguments.target.to_string_lossy(),
            "restored": {"data_bytes": restored.data_bytes, "zero_bytes": restored.zero_bytes},
            "read_back": arguments.read_back,
            "warnings": restored.warnings,
            "info": summary::value(info),
            "end": summary::end_value(&restored.end),
        });
        let details = summary::joined([told, summary::list_value("bad", &restored.bad)]);
        answer::print_json(&summary::for_programs("restore", code, begun, details))?;
    }
    Ok(code)
}

/// One archive of a chain for programs, as a plan has it too.
fn link_value(name: &str, info: &BackupInfo, state: Option<Digest>) -> Value {
    json!({"archive": name, "id": info.id, "kind": info.kind, "created": info.created, "state": state})
}

/// The lines that say what was done to the target.
fn amounts(arguments: &RestoreArguments, restored: &RestoreSummary, facts: &TargetFacts) -> Vec<String> {
    let device_bytes = restored.end.backup_info.device.size_bytes;
    let zeros = match facts.capacity {
        None => "left as holes",
        Some(_) if arguments.target_is_zero => "left as they were (--target-is-zero)",
        Some(_) => "made zero",
    };
    let mut lines = vec![
        summary::line("device", &sizes::exact(device_bytes)),
        summary::line("data", &format!("{} written", sizes::short(restored.data_bytes))),
        summary::line("zeros", &format!("{} {zeros}", sizes::short(restored.zero_bytes))),
    ];
    if let Some(capacity) = facts.capacity.filter(|capacity| *capacity < device_bytes) {
        let cut = format!("{} at the end of the device (--truncate)", sizes::exact(device_bytes - capacity));
        lines.push(summary::line("left out", &cut));
    }
    if arguments.read_back {
        lines.push(summary::line("read back", "all that was restored reads as it was written"));
    }
    lines
}

/// What was held against a target that should hold the parent, and agreed.
#[derive(Clone, Copy, Debug)]
pub struct ParentChecked {
    /// So many samples of what is unchanged.
    pub samples: u64,
    /// All of the parent.
    pub every_byte: bool,
}

impl ParentChecked {
    fn text(self, target: &str) -> String {
        match self {
            Self { every_byte: true, .. } => format!("  {target} holds the parent, byte for byte"),
            Self { samples: 0, .. } => format!(
                "  whether {target} holds the parent could not be checked, as no samples were recorded: --check-parent does that"
            ),
            Self { samples, .. } => {
                let samples = summary::count(samples, "sample");
                format!(
                    "  {target} holds the parent, as far as {samples} of what is unchanged tell (--check-parent holds all of it against it)"
                )
            }
        }
    }
}

/// The answer of `--dry-run`.
pub fn print_plan(plan: &Plan, checked: Option<ParentChecked>, as_json: bool, begun: Instant) -> Result<ExitCode> {
    if as_json {
        let parent =
            checked.map(|ParentChecked { samples, every_byte }| json!({"samples": samples, "every_byte": every_byte}));
        let details = json!({"dry_run": true, "plan": summary::value(plan), "parent_checked": parent});
        answer::print_json(&summary::for_programs("restore", ExitCode::Done, begun, details))?;
    } else {
        let checked = checked.map(|checked| format!("{}\n", checked.text(&plan.target))).unwrap_or_default();
        answer::print(format!("{}\n{checked}", plan_text(plan)).as_bytes())?;
    }
    Ok(ExitCode::Done)
}

/// What would be done, for people.
pub fn plan_text(plan: &Plan) -> String {
    let (what, zeros) = match (plan.new_image, plan.onto_parent) {
        (true, _) => ("a new sparse image of", "leave as holes, at least"),
        (false, true) => ("what changed of its first", "make zero, at least"),
        (false, false) => ("its first", "make zero, at least"),
    };
    let mut lines = vec![format!("would restore to {}: {what} {}", plan.target, sizes::exact(plan.restored_bytes))];
    if plan.chain.len() > 1 || plan.onto_parent {
        let archives = plan.chain.iter();
        lines.extend(archives.map(|one| {
            let name = summary::printable(&one.archive);
            format!("  from {name}, {} of {}, id {}", one.kind.name(), one.created, one.id)
        }));
    }
    let mut add = |name: &str, bytes: u64| lines.push(format!("  {name} {}", sizes::exact(bytes)));
    add("write, at most", plan.data_bytes);
    add(zeros, plan.zero_bytes);
    if plan.tail_bytes > 0 {
        add("leave as it is, at the end of the target,", plan.tail_bytes);
    }
    if plan.cut_bytes > 0 {
        add("leave out, at the end of the device (--truncate),", plan.cut_bytes);
    }
    match plan.bad_bytes {
        Some(0) => {}
        Some(bad) if plan.chain.len() > 1 => {
            add("leave as older archives or the target have it, as it could not be read, at most", bad);
        }
        Some(bad) if plan.new_image => {
            add("leave as holes, which read as zero, as it could not be read when it was backed up,", bad)
        }
        Some(bad) => add("leave as it is, as it could not be read when it was backed up,", bad),
        None => {
            lines.push("  what could not be read when it was backed up is known only at the archive's end".to_owned())
        }
    }
    lines.join("\n")
}
