//! Which chain among many archives is the newest of a device; pure.

use super::chain::Link;
use crate::archive::{Digest, Kind, Parent};
use crate::error::{Error, Result};
use crate::stream::Device;

/// The places of the archives of the newest chain of this device, oldest first: its full, and the increments that build on each other up to its head. `None` if there is no
/// archive of this device. With a name, only archives of that name count.
///
/// Archives that leave the same state stand for each other; a full is taken before increments that lead there.
///
/// # Errors
/// [`WrongChain`](Error::WrongChain) where it is not certain which one is meant, or an archive between the head and its full is not there.
pub fn newest(links: &[Link<'_>], device: &Device, name: Option<&str>) -> Result<Option<Vec<usize>>> {
    let places = of_device(links, device, name);
    let heads: Vec<_> = places.iter().copied().filter(|place| is_head(links, &places, *place)).collect();
    let Some(&newest) = heads.iter().max_by_key(|head| (links[**head].info.created, &links[**head].info.id)) else {
        return Ok(None);
    };
    let chain = chain_to(links, &places, newest)?;
    for other in heads.into_iter().filter(|head| *head != newest) {
        let (one, two) = (&links[newest], &links[other]);
        if one.info.name != two.info.name {
            return Err(ambiguous(one, two, "are of this device and have different names", "give --name"));
        }
        let is_fork = ancestors(links, &places, other).any(|place| chain.contains(&place));
        if is_fork {
            return Err(ambiguous(one, two, "both build on the same archive, directly or not", "remove one of them"));
        }
    }
    Ok(Some(chain))
}

/// The archives that count: one for each state.
fn of_device(links: &[Link<'_>], device: &Device, name: Option<&str>) -> Vec<usize> {
    let counts = |link: &Link<'_>| {
        link.info.kind != Kind::Undo
            && link.state.is_some()
            && is_same(&link.info.device, device)
            && name.is_none_or(|name| link.info.name.as_deref() == Some(name))
    };
    let mut places: Vec<_> = (0..links.len()).filter(|place| counts(&links[*place])).collect();
    let state = |place: &usize| links[*place].state.map_or([0; 32], |Digest(state)| state);
    places.sort_by_key(|place| (state(place), links[*place].info.kind != Kind::Full, &links[*place].info.id));
    places.dedup_by_key(|place| state(place));
    places
}

/// Whether both are the same device, as far as can be told: by its serial number, names of LVM, or path, on one host. Its size may have changed.
pub fn is_same(one: &Device, other: &Device) -> bool {
    let agree = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
    if !agree(&one.host, &other.host) || !agree(&one.serial, &other.serial) {
        return false;
    }
    match (&one.lv, &other.lv) {
        (Some(_), Some(_)) => (&one.vg, &one.lv) == (&other.vg, &other.lv),
        _ => one.path == other.path,
    }
}

fn parent_of(links: &[Link<'_>], places: &[usize], parent: &Parent) -> Option<usize> {
    places.iter().copied().find(|place| links[*place].state == Some(parent.state))
}

fn is_head(links: &[Link<'_>], places: &[usize], place: usize) -> bool {
    let parents = places.iter().filter_map(|child| links[*child].info.parent.as_ref());
    !parents.into_iter().any(|parent| links[place].state == Some(parent.state))
}

/// An archive and those on which it builds, as far as they are there; no more than there are, should they build on each other in a circle.
fn ancestors<'l>(links: &'l [Link<'_>], places: &'l [usize], from: usize) -> impl Iterator<Item = usize> + 'l {
    let next = |place: &usize| parent_of(links, places, links[*place].info.parent.as_ref()?);
    std::iter::successors(Some(from), next).take(places.len())
}

fn chain_to(links: &[Link<'_>], places: &[usize], head: usize) -> Result<Vec<usize>> {
    let mut chain: Vec<_> = ancestors(links, places, head).collect();
    chain.reverse();
    let first = &links[chain[0]];
    let Some(parent) = &first.info.parent else { return Ok(chain) };
    let why = format!("it builds on the archive {}, which is not there, or is broken", parent.id);
    let remedy = "name the archives of a whole chain one by one, bring the missing one back, or make a full";
    Err(Error::wrong_chain(format!("build on {}", first.name), why, Some(remedy.to_owned())))
}

fn ambiguous(one: &Link<'_>, other: &Link<'_>, why: &str, remedy: &str) -> Error {
    let why = format!("{} and {} {why}, and it is not certain which is meant", one.name, other.name);
    let remedy = format!("{remedy}, or name the archives of the chain one by one");
    Error::wrong_chain("find the newest chain of this device", why, Some(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::BackupInfo;
    use crate::archive::tests::sound_info;

    /// An archive in a few words: its number, its parent's, its name, and when it was made.
    fn info(number: u8, parent: Option<u8>, name: &str, second: i64) -> BackupInfo {
        let id = |number: u8| format!("0193f000-0000-7000-8000-0000000000{number:02}");
        let parent = parent.map(|number| Parent { id: id(number), state: Digest([number; 32]), device_size: 1 << 20 });
        BackupInfo {
            id: id(number),
            kind: if parent.is_some() { Kind::Increment } else { Kind::Full },
            parent,
            name: (!name.is_empty()).then(|| name.to_owned()),
            created: jiff::Timestamp::from_second(second).unwrap(),
            ..sound_info()
        }
    }

    /// The chain that is found, or what the refusal says.
    fn found(archives: &[(u8, BackupInfo)], name: Option<&str>) -> std::result::Result<Option<Vec<usize>>, String> {
        let links: Vec<_> = archives
            .iter()
            .map(|(state, info)| Link { name: &info.id, info, state: Some(Digest([*state; 32])) })
            .collect();
        newest(&links, &sound_info().device, name).map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_head_leads_back_to_its_full() {
        let old = [(1, info(1, None, "", 1)), (2, info(2, Some(1), "", 2))];
        let new = [(4, info(4, Some(3), "", 4)), (3, info(3, None, "", 3))];
        let all = [old, new].concat();
        assert_eq!(found(&all, None), Ok(Some(vec![3, 2])));
        assert_eq!(found(&all[..2], None), Ok(Some(vec![0, 1])));
        assert_eq!(found(&[], None), Ok(None));
    }

    #[test]
    fn archives_of_one_state_stand_for_each_other() {
        let chain = [(1, info(1, None, "", 1)), (2, info(2, Some(1), "", 2))];
        let merged = [(2, info(3, None, "", 1)), (5, info(5, Some(2), "", 5))];
        assert_eq!(found(&[chain.clone(), merged].concat(), None), Ok(Some(vec![2, 3])));
        let copy = [(1, info(6, None, "", 1))];
        assert_eq!(found(&[&chain[..], &copy].concat(), None), Ok(Some(vec![0, 1])));
    }

    #[test]
    fn what_is_not_certain_or_not_whole_is_refused() {
        let fork = [(1, info(1, None, "", 1)), (2, info(2, Some(1), "", 2)), (3, info(3, Some(1), "", 3))];
        assert!(found(&fork, None).unwrap_err().contains("it is not certain"));
        let names = [(1, info(1, None, "a", 1)), (2, info(2, None, "b", 2))];
        assert!(found(&names, None).unwrap_err().contains("different names"));
        assert_eq!(found(&names, Some("a")), Ok(Some(vec![0])));
        assert_eq!(found(&names, Some("c")), Ok(None));
        let gap = [(1, info(1, None, "", 1)), (3, info(3, Some(2), "", 3))];
        assert!(found(&gap, None).unwrap_err().contains("which is not there"));
        let circle = [(1, info(1, Some(2), "", 1)), (2, info(2, Some(1), "", 2))];
        assert_eq!(found(&circle, None), Ok(None));
    }

    #[test]
    fn a_device_is_known_by_more_than_its_path() {
        let device = |path: &str, serial: Option<&str>, lv: Option<&str>| Device {
            path: path.to_owned(),
            serial: serial.map(str::to_owned),
            lv: lv.map(str::to_owned),
            ..Device::default()
        };
        let plain = device("/dev/sdb", None, None);
        assert!(is_same(&plain, &plain) && !is_same(&plain, &device("/dev/sdc", None, None)));
        assert!(!is_same(&device("/dev/sdb", Some("1"), None), &device("/dev/sdb", Some("2"), None)));
        assert!(is_same(&device("/dev/vg/a", None, Some("a")), &device("/dev/mapper/vg-a", None, Some("a"))));
        assert!(!is_same(&device("/dev/vg/a", None, Some("a")), &device("/dev/vg/a", None, Some("b"))));
    }
}
