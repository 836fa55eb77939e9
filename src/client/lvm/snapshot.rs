//! Takes a snapshot of a volume, and removes it again on every way out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::cleanup::{Cleanup, Occasion};
use crate::error::{Advised, Error, Result};
use crate::location::VolumeName;
use crate::progress::Progress;

use super::{Group, Volume, mark, quiesce, tool};

/// The least that the store of a classic snapshot gets, where the group has it: a busy volume fills less within minutes.
const STORE_BYTES_MIN: u64 = 256 << 20;

/// A tenth of the volume, as a rule, for what is written to it during a backup.
const STORE_SHARE: u64 = 10;

/// Above this share, in percent, of a store that was used the user is told.
const FULL_PERCENT: u64 = 80;

/// How a snapshot is taken.
#[derive(Clone, Debug, Default)]
pub struct SnapshotRequest {
    /// The room for what is written meanwhile to a volume that is not thin; a share of it unless told.
    pub size_bytes: Option<u64>,
    /// The command that brings an application to rest.
    pub before: Option<String>,
    /// The command that lets it go on.
    pub after: Option<String>,
}

/// A volume of which a snapshot can be taken, as far as LVM's answer tells.
#[derive(Clone, Debug)]
pub struct Origin {
    name: VolumeName,
    group: Group,
    volume: Volume,
}

impl Origin {
    /// Asks LVM for the volume of this name.
    ///
    /// # Errors
    /// [`Refused`](Error::Refused) of one that is not there or can have none; what LVM fails with.
    pub fn find(name: &VolumeName) -> Result<Self> {
        let group = Group::of(name)?;
        let volume = group.volume(name.volume())?.clone();
        refuse_unfit(name, &volume)?;
        Ok(Self { name: name.clone(), group, volume })
    }

    /// Its names.
    pub fn name(&self) -> &VolumeName {
        &self.name
    }
}

/// A read-only snapshot that this process took, and removes when this is dropped, or when the process is asked to end.
#[derive(Debug)]
pub struct Snapshot {
    name: VolumeName,
    volume: Volume,
    pool: Option<Volume>,
    cleanup: Cleanup,
}

/// What can be asked of a snapshot by those who read it.
#[derive(Clone, Debug)]
pub struct SnapshotWatch {
    name: String,
    /// The device mapper's name, of one that has a store which may overflow.
    classic: Option<String>,
}

impl Snapshot {
    /// Takes a snapshot of this volume. Beside it come sentences for the user: of what an earlier process had left behind.
    ///
    /// # Errors
    /// [`Refused`](Error::Refused) of a group without room for it; what LVM or one of the user's commands fails with; an interruption. Then there is no snapshot.
    pub fn take(of: Origin, request: &SnapshotRequest, progress: &Arc<Progress>) -> Result<(Self, Vec<String>)> {
        let Origin { name: origin, group, volume } = of;
        let origin = &origin;
        let notes = remove_left_overs(origin, &group, &volume, |name| remove(name, Occasion::NotNeeded))?;
        // What was removed gave its room back.
        let group = if notes.is_empty() { group } else { Group::of(origin)? };
        let size = match request.size_bytes {
            _ if volume.is_thin() => None,
            Some(bytes) => Some(bytes),
            None => Some(store_bytes(origin, volume.size_bytes, &group)?),
        };
        let name = new_name(origin)?;
        let (before, after) = (request.before.as_deref(), request.after.as_deref());
        let cleanup = quiesce::between(before, after, origin, progress, || {
            progress.check()?;
            let to_remove = name.clone();
            let (made, cleanup) =
                progress.cleanups().hold(|| create(origin, &name, size), move |occasion| remove(&to_remove, occasion));
            made.map(|()| cleanup)
        })?;
        let group = Group::of(&name)?;
        let volume = group.volume(name.volume())?.clone();
        let pool = volume.is_thin().then(|| group.volume(&volume.pool).cloned()).transpose()?;
        let snapshot = Self { name, volume, pool, cleanup };
        snapshot.watch()?.check()?;
        Ok((snapshot, notes))
    }

    /// Its node.
    pub fn device(&self) -> &Path {
        &self.volume.device
    }

    /// The pool in which it lies, and its number there; `None` of a classic one.
    pub fn thin(&self) -> Option<(&Volume, u64)> {
        self.pool.as_ref().zip(self.volume.thin_id)
    }

    /// Whether blocks that it has not mapped are those of another device, so that they are not zeros.
    pub fn has_external_origin(&self) -> Result<bool> {
        let table = tool::run("dmsetup", &["table", "--target", "thin", self.volume.mapper_name()?])?;
        // Start, length, `thin`, the pool, the number; a sixth word is the other device (Linux' thin-provisioning.rst).
        Ok(String::from_utf8_lossy(&table).split_whitespace().count() != 5)
    }

    /// What those who read it may ask.
    pub fn watch(&self) -> Result<SnapshotWatch> {
        let classic =
            self.volume.is_classic_snapshot().then(|| self.volume.mapper_name().map(str::to_owned)).transpose()?;
        Ok(SnapshotWatch { name: self.name.to_string(), classic })
    }

    /// The snapshot of the same volume that was kept for this state.
    pub fn kept_for(&self, state: &str) -> Result<Option<Volume>> {
        let group = Group::of(&self.name)?;
        let origin = group.volume(&self.volume.origin)?;
        Ok(group.snapshots_of(origin).find(|volume| mark::state(&volume.tags) == Some(state)).cloned())
    }

    /// Keeps it for this state of its volume, and then removes those that were kept before.
    ///
    /// # Errors
    /// LVM could not tag it: then it is removed, and the ones before stay. Or it could not remove one of them: then both stay, and the next call removes it.
    pub fn keep(self, state: &str) -> Result<()> {
        let (name, tag) = (self.name.to_string(), mark::kept(state));
        let old: Vec<_> = self.volume.tags.iter().filter(|tag| *tag != mark::TAG).cloned().collect();
        let mut arguments = vec!["--yes", "--quiet", "--addtag", &tag];
        arguments.extend(old.iter().flat_map(|tag| ["--deltag", tag]));
        arguments.extend(["--", &name]);
        tool::run("lvchange", &arguments)?;
        self.cleanup.forget();
        let group = Group::of(&self.name)?;
        let volume = group.volume(&self.volume.origin)?;
        for kept in group.snapshots_of(volume) {
            if mark::state(&kept.tags).is_some() && kept.uuid != self.volume.uuid {
                remove(&sibling(&self.name, &kept.name)?, Occasion::NotNeeded)?;
            }
        }
        Ok(())
    }

    /// Removes it. Whoever reads it has ended that before, or does within seconds.
    pub fn remove(self) -> Result<()> {
        self.cleanup.run()
    }
}

impl SnapshotWatch {
    /// How much of its store is used, in percent; `None` where there is none to overflow.
    ///
    /// # Errors
    /// One that has overflowed: what it gives is nothing, and it will never again give anything.
    pub fn check(&self) -> Result<Option<u64>> {
        let Some(mapper_name) = &self.classic else { return Ok(None) };
        let status = tool::run("dmsetup", &["status", "--target", "snapshot", mapper_name])?;
        used_percent(&self.name, &String::from_utf8_lossy(&status)).map(Some)
    }

    /// What the user should know when all has been read.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let used = self.check()?.filter(|used| *used >= FULL_PERCENT);
        let name = &self.name;
        Ok(used
            .map(|used| {
                format!("{used} % of the snapshot {name} were used: give the next one more, by --snapshot-size")
            })
            .into_iter()
            .collect())
    }
}

/// Reads the line of a snapshot in `dmsetup status` (Linux' `Documentation/admin-guide/device-mapper/snapshot.rst`).
fn used_percent(name: &str, status: &str) -> Result<u64> {
    let word = status.split_whitespace().nth(3).unwrap_or("nothing");
    let numbers =
        word.split_once('/').and_then(|(used, total)| Some((used.parse::<u64>().ok()?, total.parse::<u64>().ok()?)));
    match (numbers, word) {
        (Some((used, total)), _) => Ok((u128::from(used) * 100 / u128::from(total.max(1))) as u64),
        (None, "Invalid" | "Overflow") => {
            let why = "it overflowed: more was written to the volume meanwhile than it has room for".to_owned();
            let remedy = "give it more room, by --snapshot-size, or make the backup when less is written".to_owned();
            Err(Error::io("reading", format!("the snapshot {name}"), Advised { why, remedy, cause: None }))
        }
        _ => {
            let why = io::Error::other(format!("its state is not known: dmsetup says '{}'", status.trim()));
            Err(Error::io("reading", format!("the snapshot {name}"), why))
        }
    }
}

fn refuse_unfit(name: &VolumeName, volume: &Volume) -> Result<()> {
    let request = format!("take a snapshot of {name}");
    if volume.is_classic_snapshot() {
        let remedy = format!("to back it up as it stands: `blocktar backup /dev/{name}`");
        return Err(Error::refused(request, "it is a snapshot itself", Some(remedy)));
    }
    if volume.is_private() {
        let remedy = format!("name a volume; `lvs {}` lists them", name.group());
        return Err(Error::refused(request, "it is part of LVM's own bookkeeping and nobody's disk", Some(remedy)));
    }
    if !volume.is_thin() && !volume.is_active() {
        let why = "it is not active, and only of a thin volume a snapshot can be read then";
        return Err(Error::refused(request, why, Some(format!("`lvchange --activate y {name}`"))));
    }
    Ok(())
}

/// Removes the snapshots that were left behind by processes which were killed; those of others that still run stay. Gives sentences for the user.
fn remove_left_overs(
    origin: &VolumeName,
    group: &Group,
    volume: &Volume,
    remove: impl Fn(&VolumeName) -> Result<()>,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for left_over in group.snapshots_of(volume) {
        if mark::process(&left_over.tags).is_some_and(|process| process.is_gone()) {
            let name = sibling(origin, &left_over.name)?;
            notes.push(match remove(&name) {
                Ok(()) => {
                    format!("removed the snapshot {name}, which an earlier blocktar had left behind: it was killed")
                }
                // It takes room, and is in no backup's way; or another one is removing it just now.
                Err(error) => format!(
                    "the snapshot {name}, which a killed blocktar left behind, is there still: {}",
                    error.sentence()
                ),
            });
        }
    }
    Ok(notes)
}

/// The room for a classic snapshot unless the user tells it: a tenth of the volume, never more than LVM could use or the group has.
fn store_bytes(name: &VolumeName, size_bytes: u64, group: &Group) -> Result<u64> {
    let extent = group.extent_bytes.max(1);
    // With as much as the volume and the exception tables beside it nothing can overflow.
    let enough = size_bytes.saturating_add(size_bytes / 128).saturating_add(2 * extent);
    let wanted = (size_bytes / STORE_SHARE).max(STORE_BYTES_MIN).min(enough);
    let given = (wanted.div_ceil(extent) * extent).min(group.free_bytes / extent * extent);
    if given == 0 {
        let why = format!("the group {} has no room left for what is written during the backup", name.group());
        let remedy =
            format!("make room there (`vgs {0}`, `vgextend {0} DEVICE`); a thin volume needs none", name.group());
        return Err(Error::refused(format!("take a snapshot of {name}"), why, Some(remedy)));
    }
    Ok(given)
}

/// A name that nothing has. The volume's own is not in it: LVM forbids some words in names, and has a limit on their length.
fn new_name(origin: &VolumeName) -> Result<VolumeName> {
    let chance = uuid::Uuid::now_v7().simple().to_string();
    sibling(origin, &format!("blocktar-{}", &chance[chance.len() - 12..]))
}

fn sibling(name: &VolumeName, volume: &str) -> Result<VolumeName> {
    name.sibling(volume).map_err(|why| Error::io("understanding", "the answer of lvs", io::Error::other(why)))
}

fn create(origin: &VolumeName, name: &VolumeName, size_bytes: Option<u64>) -> Result<()> {
    let (origin, tag) = (origin.to_string(), mark::temporary());
    let size = size_bytes.map(|bytes| format!("{bytes}b"));
    let mut arguments = vec!["--yes", "--quiet", "--snapshot", "--permission", "r", "--name", name.volume()];
    arguments.extend(["--addtag", mark::TAG, "--addtag", &tag]);
    match &size {
        Some(size) => arguments.extend(["--size", size]),
        // A thin snapshot is not activated unless that is asked for with force.
        None => arguments.extend(["--activate", "y", "--ignoreactivationskip"]),
    }
    arguments.extend(["--", &origin]);
    tool::run("lvcreate", &arguments).map(drop)
}

/// Removes a snapshot. LVM waits some seconds for those who have it open.
fn remove(name: &VolumeName, occasion: Occasion) -> Result<()> {
    let name = name.to_string();
    let arguments = ["--yes", "--quiet", "--", &name];
    let removed = match occasion {
        Occasion::NotNeeded => tool::run("lvremove", &arguments).map(drop),
        // A thread that is blocked in a write has it open as long as this process lives.
        Occasion::ProcessEnds => tool::run_behind_this_process("lvremove", &arguments),
    };
    removed.map_err(|error| error.with_remedy(format!("remove the snapshot when nobody reads it: `lvremove {name}`")))
}

#[cfg(test)]
mod tests {
    use super::super::group::tests::{example, tagged};
    use super::*;

    fn name(text: &str) -> VolumeName {
        VolumeName::parse(text).unwrap()
    }

    #[test]
    fn the_status_tells_how_full_it_is_and_whether_it_overflowed() {
        assert_eq!(used_percent("s", "0 131072 snapshot 16/32768 16\n").unwrap(), 0);
        assert_eq!(used_percent("s", "0 131072 snapshot 32000/32768 16\n").unwrap(), 97);
        for status in ["0 131072 snapshot Invalid\n", "0 131072 snapshot Overflow\n"] {
            let error = used_percent("vg/s", status).unwrap_err();
            assert!(error.to_string().contains("vg/s: it overflowed"), "{error}");
            assert!(error.remedy().unwrap().contains("--snapshot-size"));
        }
        for status in ["", "0 131072 snapshot Merge failed\n", "0 131072 snapshot 1/x 16\n", "0 1 snapshot\n"] {
            assert!(used_percent("s", status).unwrap_err().to_string().contains("not known"), "{status}");
        }
    }

    #[test]
    fn the_store_is_a_share_of_the_volume_within_what_there_is() {
        let store = |size, free_bytes| {
            let mut group = example();
            group.free_bytes = free_bytes;
            store_bytes(&name("vg/lv"), size, &group).ok()
        };
        let (mib, gib, extent) = (1u64 << 20, 1u64 << 30, 4u64 << 20);
        assert_eq!(store(100 * gib, 50 * gib), Some(10 * gib));
        assert_eq!(store(gib, 50 * gib), Some(256 * mib));
        // A small one gets what makes an overflow impossible.
        assert_eq!(store(64 * mib, 50 * gib), Some(64 * mib + 3 * extent));
        assert_eq!(store(100 * gib, 3 * gib + 1), Some(3 * gib));
        assert_eq!(store(gib, extent - 1), None);
        assert_eq!(store(u64::MAX, u64::MAX / extent * extent).unwrap() % extent, 0);
    }

    #[test]
    fn what_has_no_snapshots_is_refused() {
        let group = example();
        let refusal = |lv: &str| {
            refuse_unfit(&name(&format!("v-g.1+/{lv}")), group.volume(lv).unwrap()).err().map(|error| error.to_string())
        };
        assert!(refusal("old").unwrap().contains("a snapshot itself"));
        assert!(refusal("pool").unwrap().contains("bookkeeping"));
        assert_eq!((refusal("tv"), refusal("ts"), refusal("o-1.a+")), (None, None, None));
    }

    #[test]
    fn a_left_over_that_cannot_be_removed_keeps_nobody_from_a_backup() {
        let of_this = mark::temporary();
        let mut words: Vec<_> = of_this.split(':').collect();
        // Behind the host: the process ran before the machine was started.
        words[3] = "another";
        let group = tagged(&format!("{},{}", mark::TAG, words.join(":")));
        let (origin, volume) = (name("v-g.1+/o-1.a+"), group.volume("o-1.a+").unwrap());
        let notes = |remove: &dyn Fn() -> Result<()>| {
            remove_left_overs(&origin, &group, volume, |name| {
                assert_eq!(name.to_string(), "v-g.1+/old");
                remove()
            })
            .unwrap()
        };
        assert!(matches!(&notes(&|| Ok(()))[..], [note] if note.starts_with("removed the snapshot v-g.1+/old")));
        let busy = || Err(Error::io("running", "lvremove", io::Error::other("it is in use")).with_remedy("wait"));
        assert!(
            matches!(&notes(&busy)[..], [note] if note.contains("is there still") && note.ends_with("in use; wait"))
        );
    }

    #[test]
    fn names_are_new_and_such_as_lvm_takes() {
        let (one, two) = (new_name(&name("vg/lv")).unwrap(), new_name(&name("vg/lv")).unwrap());
        assert!(one != two && one.group() == "vg" && one.volume().starts_with("blocktar-"), "{one} {two}");
    }
}
