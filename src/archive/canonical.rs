//! JSON members in their one spelling: what they may hold, and why one cannot be used (format-spec, section 1).

use serde::{Deserialize, Serialize};

use super::limit;

/// Why a JSON member cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseFailure {
    /// It is not what the specification allows.
    Damaged(String),
    /// It asks for what this reader does not know.
    NotUnderstood(String),
}

/// Reads a JSON text that must be spelled exactly as this program would spell it.
pub(crate) fn parse_canonical<T: Serialize + for<'de> Deserialize<'de>>(text: &[u8]) -> Result<T, ParseFailure> {
    let value: T = serde_json::from_slice(text).map_err(|error| ParseFailure::Damaged(error.to_string()))?;
    match serde_json::to_vec(&value) {
        Ok(spelled) if spelled == text => Ok(value),
        _ => Err(ParseFailure::Damaged("its JSON is not in the one spelling".to_owned())),
    }
}

/// Whether what a later writer added has only numbers that the format allows, and does not nest too deep.
pub(crate) fn unknown_fits(unknown: &serde_json::Map<String, serde_json::Value>) -> bool {
    fn fits(value: &serde_json::Value, levels: usize) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_u64().is_some_and(|number| number <= limit::NUMBER),
            serde_json::Value::Array(values) => levels > 0 && values.iter().all(|value| fits(value, levels - 1)),
            serde_json::Value::Object(object) => levels > 0 && object.values().all(|value| fits(value, levels - 1)),
            _ => true,
        }
    }
    unknown.values().all(|value| fits(value, limit::NESTING))
}
