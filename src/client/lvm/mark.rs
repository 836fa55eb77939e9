//! The LVM tags by which blocktar knows its own snapshots.

use crate::sys::process::ProcessMark;

/// The tag that every snapshot of blocktar has, so that `lvs @blocktar` finds them.
pub(super) const TAG: &str = "blocktar";

/// The beginning of the tag of a snapshot that lasts as long as the process that took it.
const TEMPORARY: &str = "blocktar:process:";

/// The beginning of the tag of a snapshot that is kept: behind it stands the state that an archive of it has.
const STATE: &str = "blocktar:state:";

/// The tag of a snapshot that is kept for a state.
pub(super) fn kept(state: &str) -> String {
    format!("{STATE}{state}")
}

/// The state for which a snapshot with these tags is kept.
pub(super) fn state(tags: &[String]) -> Option<&str> {
    tags.iter().any(|tag| tag == TAG).then_some(())?;
    tags.iter().find_map(|tag| tag.strip_prefix(STATE))
}

/// The tag of a snapshot that this process takes for itself.
pub(super) fn temporary() -> String {
    format!("{TEMPORARY}{}", ProcessMark::of_this().to_word())
}

/// The process for which a snapshot with these tags was taken; `None` for what blocktar did not take, or is to keep.
pub(super) fn process(tags: &[String]) -> Option<ProcessMark> {
    tags.iter().any(|tag| tag == TAG).then_some(())?;
    tags.iter().find_map(|tag| ProcessMark::from_word(tag.strip_prefix(TEMPORARY)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_of_characters_that_lvm_takes() {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+.-/=!:#&".contains(&byte);
        let tag = temporary();
        assert!(tag.len() <= 1024 && tag.bytes().all(allowed), "{tag}");
    }

    #[test]
    fn a_kept_snapshot_is_nobodys_left_over() {
        let tags = [TAG.to_owned(), kept("0af3")];
        assert_eq!((state(&tags), process(&tags)), (Some("0af3"), None));
        assert_eq!(state(&tags[1..]), None);
    }

    #[test]
    fn only_both_tags_are_a_mark() {
        let process = |tags: &[&str]| process(&tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>());
        assert_eq!(process(&[TAG, &temporary()]), Some(ProcessMark::of_this()));
        assert_eq!(process(&[&temporary()]), None);
        assert_eq!(process(&[TAG, "nightly", "blocktar:process:x"]), None);
    }
}
