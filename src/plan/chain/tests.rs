use super::*;
use crate::archive::tests::sound_info;

const FULL: u8 = 1;

/// Archives of which each leaves the state of its number, and builds on that of another.
struct Archives(Vec<(BackupInfo, Option<Digest>)>);

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

fn id(number: u8) -> String {
    format!("0193f000-0000-7000-8000-0000000000{number:02}")
}

/// An archive of this number on that of another one, or on none: a full.
fn info(number: u8, parent: Option<u8>) -> BackupInfo {
    let sound = sound_info();
    let device_size = sound.device.size_bytes;
    let parent = parent.map(|parent| Parent { id: id(parent), state: digest(parent), device_size });
    let kind = if parent.is_some() { Kind::Increment } else { Kind::Full };
    let created = format!("2024-01-01T{number:02}:00:00Z").parse().unwrap();
    BackupInfo { id: id(number), created, kind, parent, ..sound }
}

impl Archives {
    fn new(of: &[(u8, Option<u8>)]) -> Self {
        Self(of.iter().map(|(number, parent)| (info(*number, *parent), Some(digest(*number)))).collect())
    }

    /// The same without knowing what they leave.
    fn without_states(mut self) -> Self {
        self.0.iter_mut().for_each(|(_, state)| *state = None);
        self
    }

    fn order(&self, base: Base, until: Option<&str>) -> Result<Vec<usize>> {
        let links: Vec<_> =
            self.0.iter().map(|(info, state)| Link { name: &info.id[34..], info, state: *state }).collect();
        order(&links, base, until.map(|until| until.parse().unwrap()).as_ref())
    }

    /// Must be refused with these words.
    fn refuses(&self, base: Base, words: &[&str]) {
        let error = self.order(base, None).unwrap_err();
        assert!(matches!(error, Error::WrongChain(_)), "{error:?}");
        let said = format!("{error} {}", error.remedy().unwrap_or_default());
        words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is not in: {said}"));
    }
}

#[test]
fn states_order_them_however_they_are_named() {
    let archives = Archives::new(&[(3, Some(2)), (FULL, None), (4, Some(3)), (2, Some(FULL))]);
    assert_eq!(archives.order(Base::Full, None).unwrap(), [1, 3, 0, 2]);
    let mut backwards = Archives::new(&[(2, Some(FULL)), (FULL, None)]);
    backwards.0[0].0.created = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(backwards.order(Base::Full, None).unwrap(), [1, 0], "never the times");
    assert_eq!(archives.without_states().order(Base::Full, None).unwrap(), [1, 3, 0, 2]);
}

/// A merged or recompressed full has another id than the one that the increments name, and the same state.
#[test]
fn states_count_and_ids_do_not() {
    let mut archives = Archives::new(&[(FULL, None), (2, Some(FULL))]);
    archives.0[0].0.id = id(9);
    assert_eq!(archives.order(Base::Full, None).unwrap(), [0, 1]);
    archives.0[0].0.id = id(FULL);
    archives.0[0].1 = Some(digest(9));
    archives.refuses(Base::Full, &["02", "in another state than the one that 01 leaves"]);
}

#[test]
fn a_gap_names_the_parent_that_is_missing() {
    let archives = Archives::new(&[(FULL, None), (3, Some(2))]);
    archives.refuses(Base::Full, &["restore 03", &id(2)]);
    let piped = archives.without_states();
    piped.refuses(Base::Full, &["restore 03", &id(2), "none that was named"]);
    let error = piped.order(Base::Full, None).unwrap_err();
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("of 01 only the id is known")), "{error:?}");
}

#[test]
fn a_stranger_is_refused() {
    Archives::new(&[(FULL, None), (2, Some(FULL)), (8, Some(7))]).refuses(Base::Full, &["restore 08", "another chain"]);
    Archives::new(&[(FULL, None), (2, Some(FULL)), (9, None)]).refuses(Base::Full, &["01 and 09", "fulls"]);
}

#[test]
fn two_heads_are_refused_unless_one_is_chosen() {
    let archives = Archives::new(&[(FULL, None), (2, Some(FULL)), (3, Some(FULL)), (4, Some(3))]);
    archives.refuses(Base::Full, &["02 and 03", "both build on 01", &format!("--until {}", id(3))]);
    assert_eq!(archives.order(Base::Full, Some(&id(4))).unwrap(), [0, 2, 3]);
    assert_eq!(archives.order(Base::Full, Some(&id(2))).unwrap(), [0, 1]);
    assert_eq!(archives.order(Base::Full, Some("2024-01-01T02:30:00Z")).unwrap(), [0, 1]);
    assert!(archives.order(Base::Full, Some("2024-01-01T03:00:00Z")).is_err(), "both are as old as that");
}

#[test]
fn the_same_twice_is_refused() {
    let mut archives = Archives::new(&[(FULL, None), (2, Some(FULL)), (2, Some(FULL))]);
    archives.refuses(Base::Full, &["02 and 02", "both are the archive", "once"]);
    archives.0[2].0.id = id(5);
    archives.refuses(Base::Full, &["02 and 05", "the same state"]);
}

#[test]
fn a_full_is_needed_unless_the_target_holds_the_parent() {
    let archives = Archives::new(&[(3, Some(2)), (2, Some(FULL))]);
    archives.refuses(Base::Full, &["restore 02 alone", &id(FULL), "--onto-parent"]);
    assert_eq!(archives.order(Base::Target, None).unwrap(), [1, 0]);
    Archives::new(&[(FULL, None), (2, Some(FULL))]).refuses(Base::Target, &["01", "it is a full"]);
    Archives::new(&[(2, Some(FULL)), (5, Some(4))]).refuses(Base::Target, &["02 and 05", &id(4)]);
    Archives::new(&[(2, Some(FULL)), (3, Some(FULL))])
        .refuses(Base::Target, &["02 and 03", "both build on", "leave one out"]);
    Archives::new(&[]).refuses(Base::Full, &["none"]);
}

#[test]
fn until_cuts_the_chain() {
    let archives = Archives::new(&[(FULL, None), (2, Some(FULL)), (3, Some(2))]);
    let until = |until: &str| archives.order(Base::Full, Some(until));
    assert_eq!(until("2024-01-01T02:00:00Z").unwrap(), [0, 1]);
    assert_eq!(until("2024-01-01").unwrap(), [0, 1, 2]);
    assert_eq!(until(&id(FULL)).unwrap(), [0]);
    for (wrong, says) in [("2023-12-31", "later than that"), ("0193f000", "several"), ("0194", "no archive")] {
        let error = until(wrong).unwrap_err();
        assert!(matches!(&error, Error::Refused(refusal) if refusal.why.contains(says)), "{wrong}: {error}");
    }
    // A clock that was set back: what was made on top of something later is later.
    let mut archives = Archives::new(&[(FULL, None), (2, Some(FULL)), (3, Some(2))]);
    archives.0[2].0.created = archives.0[0].0.created;
    assert_eq!(archives.order(Base::Full, Some("2024-01-01T01:30:00Z")).unwrap(), [0]);
}

#[test]
fn archives_that_lie_are_refused() {
    Archives::new(&[(2, Some(3)), (3, Some(2))]).refuses(Base::Full, &["none"]);
    Archives::new(&[(FULL, None), (2, Some(3)), (3, Some(2))]).refuses(Base::Full, &["build on it"]);
    let mut archives = Archives::new(&[(FULL, None), (2, Some(FULL))]);
    archives.0[0].0.device.size_bytes += 1;
    archives.refuses(Base::Full, &["restore 02", "bytes when 01 was made"]);
    let mut archives = Archives::new(&[(FULL, None), (2, Some(FULL))]);
    archives.0[1].0.kind = Kind::Undo;
    archives.refuses(Base::Full, &["restore 02", "overwrote"]);
}
