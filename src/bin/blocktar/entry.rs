//! What `list` and `info` say of an archive: its state, and all that programs are told of it.

use blocktar::catalog::{Entry, State};
use serde_json::{Value, json};

use crate::exit_code::ExitCode;
use crate::summary;

/// The exit code for an archive in this state.
pub fn state_code(state: &State) -> ExitCode {
    match state {
        State::Complete | State::PartOf(_) => ExitCode::Done,
        State::Incomplete | State::Part => ExitCode::Incomplete,
        State::Damaged(_) => ExitCode::Damaged,
        State::NotUnderstood(_) => ExitCode::Refused,
        State::WithBadRanges => ExitCode::BadRanges,
    }
}

/// An archive's state in a word or three.
pub fn state_word(state: &State) -> &'static str {
    match state {
        State::Complete => "complete",
        State::Part => "part, others missing",
        State::PartOf(_) => "part, all there",
        State::Incomplete => "incomplete",
        State::Damaged(_) => "damaged",
        State::NotUnderstood(_) => "not understood",
        State::WithBadRanges => "with bad ranges",
    }
}

/// The state of an entry in a list: of a part, which it is.
pub fn state_of(entry: &Entry) -> String {
    let number = entry.info.as_ref().and_then(|info| info.part.as_ref()).map_or(1, |part| part.number);
    match entry.state {
        State::Part => format!("part {number}, others missing"),
        State::PartOf(count) => format!("part {number} of {count}"),
        _ => state_word(&entry.state).to_owned(),
    }
}

/// Why it is in this state, if there is more to say.
fn state_reason(state: &State) -> Option<&str> {
    match state {
        State::Damaged(why) | State::NotUnderstood(why) => Some(why),
        State::Complete | State::Part | State::PartOf(_) | State::Incomplete | State::WithBadRanges => None,
    }
}

/// An archive's state and the reason for it, if there is one.
pub fn state_text(state: &State) -> String {
    match state_reason(state) {
        Some(why) => format!("{}: {why}", state_word(state)),
        None => state_word(state).to_owned(),
    }
}

/// An archive for programs.
pub fn entry_value(entry: &Entry) -> Value {
    json!({
        "archive": entry.location,
        "state": state_word(&entry.state),
        "reason": state_reason(&entry.state),
        "archive_bytes": entry.archive_bytes,
        "info": entry.info.as_ref().map(summary::value),
        "end": entry.end.as_ref().map(summary::end_value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_exit_code() {
        let states = [State::Complete, State::Incomplete, State::Damaged("x".to_owned()), State::WithBadRanges];
        assert_eq!(states.map(|state| state_code(&state).number()), [0, 4, 5, 8]);
    }
}
