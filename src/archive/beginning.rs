//! What a file looks to be by its first block.

use super::block::{BLOCK, is_tar_header, parse_header};
use super::info::is_id;

/// What a file looks to be by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// One of our archives.
    Archive,
    /// One of our archives whose first block is damaged: its name is still there.
    SpoiledArchive,
    /// The label of a medium.
    Label,
    /// A tar of another program.
    OtherTar,
    /// Anything else, or too short to tell.
    Other,
}

const FIRST_MEMBER: &str = "/PaxHeaders/backup-info.json";
const LABEL_MEMBER: &str = "/PaxHeaders/medium.json";

/// What a file that begins with these bytes, at least 512 if it has as many, looks to be.
pub fn beginning(bytes: &[u8]) -> Beginning {
    let block: Option<&[u8; BLOCK]> = bytes.first_chunk();
    let header = block.and_then(|block| parse_header(block, tar::EntryType::XHeader));
    let is_called = |member| header.as_ref().is_some_and(|header| header.path.strip_suffix(member).is_some_and(is_id));
    if is_called(FIRST_MEMBER) {
        return Beginning::Archive;
    }
    if is_called(LABEL_MEMBER) {
        return Beginning::Label;
    }
    let bytes = &bytes[..bytes.len().min(BLOCK)];
    if bytes.windows(FIRST_MEMBER.len()).any(|window| window == FIRST_MEMBER.as_bytes()) {
        return Beginning::SpoiledArchive;
    }
    if block.is_some_and(is_tar_header) { Beginning::OtherTar } else { Beginning::Other }
}

/// The name of the first member of a tar that begins with these bytes, as far as it can be told.
pub fn first_name(bytes: &[u8]) -> String {
    let mut archive = tar::Archive::new(bytes);
    let first = archive.entries().ok().and_then(|mut entries| entries.next()?.ok());
    let name = first.map(|entry| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
    name.unwrap_or_else(|| "its first name cannot be read".to_owned())
}

/// Whether these bytes begin the archive of this id.
pub fn begins_with_id(bytes: &[u8], id: &str) -> bool {
    let block: Option<&[u8; BLOCK]> = bytes.first_chunk();
    let header = block.and_then(|block| parse_header(block, tar::EntryType::XHeader));
    header.is_some_and(|header| header.path.strip_suffix(FIRST_MEMBER) == Some(id))
}

#[cfg(test)]
mod tests {
    use super::super::block::HeaderMaker;
    use super::super::label::Label;
    use super::super::member::{MemberKind, Record};
    use super::*;

    #[test]
    fn our_archives_are_known_even_when_damaged_and_other_tars_are_other_tars() {
        let mut ours = Vec::new();
        HeaderMaker::new("0193f000-0000-7000-8000-000000000000", 1).push(
            &mut ours,
            &MemberKind::BackupInfo,
            &Record::default(),
            5,
        );
        assert_eq!(beginning(&ours), Beginning::Archive);
        for place in [0, 100, 150, 260, 511] {
            let mut spoiled = ours.clone();
            spoiled[place] ^= 1;
            assert_eq!(beginning(&spoiled), Beginning::SpoiledArchive, "byte {place}");
        }
        assert_eq!(beginning(&ours[..200]), Beginning::SpoiledArchive);
        assert_eq!(beginning(&Label::new("WEEK-07", 4096).unwrap().archive()), Beginning::Label);
        let mut foreign = tar::Header::new_gnu();
        foreign.set_path("a/file").unwrap();
        foreign.set_cksum();
        assert_eq!(beginning(foreign.as_bytes()), Beginning::OtherTar);
        foreign.as_mut_bytes()[0] ^= 1;
        assert_eq!(beginning(foreign.as_bytes()), Beginning::Other);
        for other in [&b""[..], b"text", &[0; 4096]] {
            assert_eq!(beginning(other), Beginning::Other);
        }
    }
}
