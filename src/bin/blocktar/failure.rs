//! What a command that failed leaves for programs: one object, like the summary of one that did not.

use blocktar::error::Error;
use serde_json::{Value, json};

use crate::answer;
use crate::arguments::{Command, SummaryStream};
use crate::exit_code::ExitCode;
use crate::{remedy, summary, talk};

/// Leaves it where the command's summary would have been, if programs want to be told.
pub fn tell_programs(command: &Command, error: &Error) {
    let code = ExitCode::from(error);
    let failure = json!({"command": command.name(), "exit_code": code.number(), "error": value(error)});
    match command.summary_stream() {
        // Where standard output cannot be written, that may be the failure itself; it has been reported.
        Some(SummaryStream::Output) => drop(answer::print_json(&failure)),
        Some(SummaryStream::Error) => talk::machine(&failure),
        None => {}
    }
}

/// An error for programs: what was being done, on what, why it failed, and what helps.
pub fn value(error: &Error) -> Value {
    let reading = Some("reading");
    let (class, what, on, why) = match error {
        Error::Io(failure) => ("io", Some(failure.doing), Some(failure.what.as_str()), failure.cause.to_string()),
        Error::Incomplete { archive, why, .. } => ("incomplete", reading, Some(archive.as_str()), why.clone()),
        Error::Damaged { archive, why, .. } => ("damaged", reading, Some(archive.as_str()), why.clone()),
        Error::Refused(refusal) => ("refused", Some(refusal.request.as_str()), None, refusal.why.clone()),
        Error::WrongChain(refusal) => ("wrong chain", Some(refusal.request.as_str()), None, refusal.why.clone()),
        Error::Interrupted { signal } => ("interrupted", None, None, format!("signal {signal}")),
    };
    let affected = summary::ranges_value(error.affected());
    json!({"class": class, "what": what, "on": on, "why": why, "affected": affected, "help": remedy::of(error)})
}

#[cfg(test)]
mod tests {
    use super::*;
    use blocktar::extent::Range;

    #[test]
    fn every_error_says_what_on_what_why_and_what_helps() {
        let full = Error::io("writing", "a.tar", std::io::Error::from(std::io::ErrorKind::StorageFull));
        let told = value(&full);
        assert_eq!((&told["class"], &told["what"], &told["on"]), (&"io".into(), &"writing".into(), &"a.tar".into()));
        assert_eq!((told["why"].as_str(), told["help"].is_string()), (Some("no storage space"), true));
        let damaged = Error::damaged("a.tar", "it lies").with_affected(Range { start: 1, length: 2 });
        assert_eq!(value(&damaged)["affected"], json!([{"offset": 1, "length": 2}]));
        let refused = value(&Error::refused("restore onto x", "it is in use", None));
        assert_eq!((&refused["what"], &refused["help"]), (&"restore onto x".into(), &Value::Null));
        assert_eq!(value(&Error::Interrupted { signal: 15 })["why"], "signal 15");
    }
}
